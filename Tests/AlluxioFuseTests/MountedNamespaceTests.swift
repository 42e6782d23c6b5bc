import Cluster
import Glibc
import Metadata
import Pages
import Settings
import Testing

@testable import AlluxioFuse

@Suite struct MountedNamespaceTests {
    private let scratch = ScratchStores()

    private func mounts(_ names: String...) throws -> MountTable {
        try MountTable(names.map { try scratch.mount($0) })
    }

    private func table(_ mounts: MountTable) throws -> StoreTable { try scratch.table(mounts) }

    private func names(_ directory: String, in namespace: MountedNamespace) throws -> [String] {
        var names: [String] = []
        let page = try namespace.list(RelativePath(directory), from: nil) { name, _ in
            names.append(String(decoding: name, as: UTF8.self))
        }
        #expect(page.next == nil)
        return names.sorted()
    }

    private func text(_ file: String, in namespace: MountedNamespace) throws -> String {
        let attributes = try namespace.attributes(of: RelativePath(file), known: nil)
        let version = FileVersion(
            uri: namespace.uri(of: RelativePath(file)),
            etag: try #require(attributes.etag),
            size: attributes.size
        )
        return try text(version, in: namespace)
    }

    private func text(_ version: FileVersion, in namespace: MountedNamespace) throws -> String {
        var bytes: [UInt8] = []
        try namespace.fetch(Span(from: 0, to: version.size), of: version) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func theRootHasADirectoryForEachMount() throws {
        let namespace = MountedNamespace(table: try table(mounts("a", "b")))
        #expect(try names("", in: namespace) == ["a", "b"])
        #expect(try namespace.attributes(of: RelativePath("a"), known: nil).kind == .directory)
        #expect(throws: StoreError.notFound) {
            try namespace.attributes(of: RelativePath("c"), known: nil)
        }
        #expect(namespace.uri(of: .root).bytes.isEmpty)
    }

    @Test func whatLiesBelowIsTheStoresWithTheStoresAddress() throws {
        let namespace = MountedNamespace(table: try table(mounts("a", "b")))
        #expect(try names("a", in: namespace) == ["d"])
        #expect(try names("b/d", in: namespace) == ["file"])
        #expect(try text("a/d/file", in: namespace) == "contents of a")
        #expect(try text("b/d/file", in: namespace) == "contents of b")
        let uri = namespace.uri(of: RelativePath("b/d/file"))
        #expect(uri == UFSURI("file://\(scratch.path)/b/d/file"))
        #expect(namespace.uri(of: RelativePath("b")) == UFSURI("file://\(scratch.path)/b"))
    }

    @Test func aChangedTableIsSeenAndAnOpenVersionIsReadToItsEnd() throws {
        let table = try table(mounts("a"))
        let namespace = MountedNamespace(table: table)
        let attributes = try namespace.attributes(of: RelativePath("a/d/file"), known: nil)
        let version = FileVersion(
            uri: namespace.uri(of: RelativePath("a/d/file")),
            etag: try #require(attributes.etag),
            size: attributes.size
        )
        table.take(try mounts("b"))
        #expect(try names("", in: namespace) == ["b"])
        #expect(throws: StoreError.notFound) { try names("a", in: namespace) }
        #expect(throws: StoreError.notFound) {
            try namespace.attributes(of: RelativePath("a/d/file"), known: nil)
        }
        #expect(try text(version, in: namespace) == "contents of a")
    }

    @Test func aBrokenStoreIsNamedByItsDirectoryOnly() throws {
        let broken = try MountEntry(path: "/broken", ufs: "gs://nobody")
        let namespace = MountedNamespace(table: try table(mounts("a").adding(broken)))
        #expect(try names("", in: namespace) == ["a", "broken"])
        #expect(try namespace.attributes(of: RelativePath("broken"), known: nil).kind == .directory)
        #expect {
            try names("broken", in: namespace)
        } throws: { error in
            guard case .unavailable(let text)? = error as? StoreError else { return false }
            return text.contains("/broken (gs://nobody)")
        }
        #expect(try text("a/d/file", in: namespace) == "contents of a")
    }

    @Test func oneFileHasOneInodeNumberInAMountAndAnotherOneInAnother() throws {
        let path = scratch.path
        #expect(link("\(path)/a/d/file", "\(path)/a/twin") == 0)
        #expect(link("\(path)/a/d/file", "\(path)/b/twin") == 0)
        let namespace = MountedNamespace(table: try table(mounts("a", "b")))
        func inode(_ file: String) throws -> UInt64? {
            try namespace.attributes(of: RelativePath(file), known: nil).posix?.inode
        }
        let number = try #require(try inode("a/d/file"))
        #expect(try inode("a/twin") == number)
        #expect(try inode("b/twin") != number)
        var listed: UInt64?
        _ = try namespace.list(RelativePath("a"), from: nil) { name, attributes in
            if name.elementsEqual("twin".utf8) { listed = attributes.posix?.inode }
        }
        #expect(listed == number)
    }

    @Test func linksBeforeTheStoresAreAsked() throws {
        let links = StoreLinks(names: { $0 }, bytes: { Shouting(next: $0) })
        let namespace = MountedNamespace(table: try table(mounts("a")), links: links)
        #expect(try text("a/d/file", in: namespace) == "CONTENTS OF A")
    }

    /// A link that gives every letter in upper case.
    private struct Shouting: SpanSource {
        let next: any SpanSource

        func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
            try next.fetch(span, of: version) { bytes throws(StoreError) in
                let text = String(decoding: bytes, as: UTF8.self).uppercased()
                var failure: StoreError?
                Array(text.utf8).withUnsafeBytes { raw in
                    do throws(StoreError) { try sink(raw) } catch { failure = error }
                }
                if let failure { throw failure }
            }
        }
    }
}
