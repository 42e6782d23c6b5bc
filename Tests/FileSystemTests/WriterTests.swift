import Glibc
import Metadata
import Pages
import Testing

@testable import FileSystem

/// A way into a store that is never gone.
private final class NoUpload: ContentUpload {
    func wantsToSend(before end: Int64) -> Bool { false }
    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {}
    func touched(_ span: Span) {}
    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        throw .unavailable("a test's store takes nothing")
    }
    func abandon() {}
}

/// Who has answered for the changes of a file.
@Suite struct WriterTests {
    /// Calls a closure with the writer of a new file.
    private func withWriter(_ body: (Writer) throws -> Void) throws {
        var template = Array("/tmp/writer-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { name in
            name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
        defer {
            for name in ["log", "journal", "lost"] { remove("\(path)/\(name)") }
            remove(path)
        }
        let staging = try StagingDirectory(path: path, bytesMaximum: 1 << 20)
        let file = try staging.makeFile(for: RelativePath("file"), in: UFSURI("s3://bucket"), base: nil)
        try body(Writer(staged: file, base: nil, version: nil, condition: .absent))
    }

    private func write(_ text: String, to writer: Writer) throws {
        _ = try Array(text.utf8).withUnsafeBytes { try writer.write($0, at: 0, mayWait: true) { nil } }
    }

    /// A commit that the store refuses.
    private func fail(_ writer: Writer) throws {
        #expect(try writer.beginCommit(mayWait: true) { NoUpload() } != nil)
        writer.failCommit(.inputOutput("refused"))
    }

    @Test func whatACloseHasFailedWithIsAnsweredForAndStillDirty() throws {
        try withWriter { writer in
            try write("one", to: writer)
            #expect(writer.isUnanswered)
            let changes = writer.changes
            try fail(writer)
            #expect(writer.isUnanswered, "nobody was told")
            writer.refuse(changes)
            #expect(!writer.isUnanswered)
            #expect(writer.isDirty, "another flush tries again")
        }
    }

    @Test func whatIsChangedAfterAFailedCloseIsNotAnsweredForYet() throws {
        try withWriter { writer in
            try write("one", to: writer)
            writer.refuse(writer.changes)
            try write("two", to: writer)
            #expect(writer.isUnanswered)
            writer.refuse(writer.changes)
            try writer.resize(to: 1, mayWait: true)
            #expect(writer.isUnanswered)
        }
    }

    @Test func aChangeDuringTheCloseIsNotAnsweredForByIt() throws {
        try withWriter { writer in
            try write("one", to: writer)
            let changes = writer.changes
            try write("two", to: writer)
            try fail(writer)
            writer.refuse(changes)
            #expect(writer.isUnanswered)
        }
    }
}
