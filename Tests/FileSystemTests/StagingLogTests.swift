import Glibc
import Metadata
import Pages
import Testing

@testable import FileSystem

/// A directory that is gone when the test ends.
private final class Scratch {
    let path: String
    let descriptor: Int32

    init() {
        var template = Array("/tmp/staging-log-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { name in
            name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
        descriptor = open(path, O_RDONLY | O_DIRECTORY)
    }

    var logBytes: Int {
        var status = stat()
        return stat("\(path)/log", &status) == 0 ? Int(status.st_size) : -1
    }

    deinit {
        close(descriptor)
        unlink("\(path)/log")
        rmdir(path)
    }
}

@Suite struct StagingLogTests {
    private let scratch = Scratch()

    private func log() throws -> StagingLog {
        var code: Int32 = 0
        return try #require(StagingLog(in: scratch.descriptor, code: &code))
    }

    private func began(_ file: String) -> StagingEvent {
        var event = StagingEvent(.began, file: file)
        event.path = Array("one/\(file)".utf8)
        event.store = UFSURI("s3://bucket")
        return event
    }

    @Test func whatAnEarlierDaemonLeftOutlivesEveryCutOfTheLog() throws {
        do {
            let first = try log()
            #expect(first.note(began("left")) == 0)
            #expect(first.note(StagingEvent(.dirty, file: "left")) == 0)
            #expect(first.note(began("done")) == 0)
            #expect(first.note(StagingEvent(.ended, file: "done")) == 0)
        }
        let expected = ["left": [began("left"), StagingEvent(.dirty, file: "left")]]
        do {
            let second = try log()
            #expect(second.unfinished == expected)
            for number in 0..<3000 {
                #expect(second.note(began("f\(number)")) == 0)
                #expect(second.note(StagingEvent(.ended, file: "f\(number)")) == 0)
            }
            #expect(scratch.logBytes < 128 << 10, "it is cut again and again")
        }
        #expect(try log().unfinished == expected)
    }

    @Test func whatWasLeftAndHasEndedIsGone() throws {
        do { #expect(try log().note(began("left")) == 0) }
        do { #expect(try log().note(StagingEvent(.ended, file: "left")) == 0) }
        #expect(try log().unfinished.isEmpty)
        #expect(scratch.logBytes == 0)
    }
}
