import Metadata
import Pages
import Synchronization
import Testing

@testable import FileSystem

/// The file system over the real namespace cache and a store in memory.
struct RealNamespaceTests {
    /// A store whose objects are the keys of a dictionary; counts its requests.
    final class Store: MetadataSource {
        struct State {
            var objects: [String: Attributes] = [:]
            var heads = 0
            var lists = 0
        }

        let state = Mutex(State())

        func uri(of path: RelativePath) -> UFSURI { UFSURI("s3://bucket/\(path)") }

        func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
            try state.withLock { state throws(StoreError) in
                state.heads += 1
                let key = path.description
                if state.objects.keys.contains(where: { $0.hasPrefix(key + "/") }) { return .directory }
                guard let found = state.objects[key] else { throw .notFound }
                return found
            }
        }

        func list(
            _ directory: RelativePath,
            from token: ListingToken?,
            into sink: EntrySink
        ) throws(StoreError) -> ListingPage {
            let entries = state.withLock { state in
                state.lists += 1
                let prefix = directory.isRoot ? "" : directory.description + "/"
                var entries: [String: Attributes] = [:]
                for (key, attributes) in state.objects where key.hasPrefix(prefix) {
                    let parts = key.dropFirst(prefix.count).split(separator: "/", maxSplits: 1)
                    entries[String(parts[0])] = parts.count > 1 ? .directory : attributes
                }
                return entries.sorted { $0.key < $1.key }
            }
            guard !entries.isEmpty else { throw .notFound }
            let start = token.flatMap { Int($0.text) } ?? 0
            let page = entries.dropFirst(start).prefix(10)
            for (name, attributes) in page {
                var name = name
                name.withUTF8 { sink(UnsafeRawBufferPointer($0), attributes) }
            }
            let next = start + page.count
            return ListingPage(next: next < entries.count ? ListingToken("\(next)") : nil, hidden: 0)
        }

        func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
            throw .unsupported("no links")
        }
    }

    struct Mount {
        let store = Store()
        let pages = ScriptedPages()
        let fileSystem: FileSystem

        init(mode: Duration?) {
            var namespaceOptions = NamespaceOptions()
            namespaceOptions.syncInterval = mode
            var options = FileSystemOptions()
            options.syncInterval = mode
            fileSystem = FileSystem(
                namespace: NamespaceCache(source: store, options: namespaceOptions),
                pages: pages,
                pool: WaitingPool(threadsMaximum: 4, aheadMaximum: 2, queueMaximum: 100),
                options: options
            )
        }

        func lookup(_ name: String, in parent: NodeID = 1) throws -> NodeAttributes {
            try Array(name.utf8).withUnsafeBytes { try fileSystem.lookup($0, in: parent, .waiting) }
        }
    }

    @Test func aListingAnswersTheLookupsOfItsNames() throws {
        let mount = Mount(mode: .seconds(60))
        for index in 0..<35 {
            mount.store.state.withLock { $0.objects["d/f\(index)"] = .file("e\(index)", size: Int64(index)) }
        }
        let directory = try mount.lookup("d").node
        let handle = try mount.fileSystem.openDirectory(directory, .waiting)
        var names: [String: NodeAttributes?] = [:]
        var cookie: UInt64 = 0
        var taken = -1
        while taken != 0 {
            taken = 0
            try mount.fileSystem.readDirectory(handle, from: cookie, .waiting, withAttributes: true) {
                entry,
                attributes in
                names[String(decoding: entry.name, as: UTF8.self)] = attributes
                cookie = entry.nextCookie
                taken += 1
                return true
            }
        }
        #expect(names.count == 37)
        let heads = mount.store.state.withLock { $0.heads }
        for index in 0..<35 {
            let looked = try mount.lookup("f\(index)", in: directory)
            let listed = try #require(names["f\(index)"] ?? nil)
            #expect(looked.node == listed.node && looked.size == Int64(index))
            #expect(listed.entryValid > .seconds(30) && listed.entryValid <= .seconds(60))
        }
        #expect(throws: FileSystemError.notFound) { try mount.lookup("absent", in: directory) }
        #expect(mount.store.state.withLock { $0.heads } == heads)
        #expect(mount.store.state.withLock { $0.lists } == 4)
        mount.fileSystem.releaseDirectory(handle)
    }

    @Test func inModeZeroAnOpenAfterItsLookupCostsOneQuestionAndAChangeIsSeen() throws {
        let mount = Mount(mode: .zero)
        mount.store.state.withLock { $0.objects["a"] = .file("v1") }
        let first = try mount.lookup("a").node
        let handle = try mount.fileSystem.open(first, flags: 0, .waiting).handle
        #expect(mount.store.state.withLock { $0.heads } <= 2)
        mount.store.state.withLock { $0.objects["a"] = .file("v2") }
        let second = try mount.lookup("a").node
        #expect(second != first)
        #expect(throws: FileSystemError.stale) { try mount.fileSystem.open(first, flags: 0, .waiting) }
        _ = try mount.fileSystem.open(second, flags: 0, .waiting)
        #expect(
            try mount.fileSystem.read(handle, at: 0, count: 5, .waiting).copied
                == (0..<5).map { ScriptedFile.byte(ETag("v1"), $0) }
        )
    }

    @Test func anEmptyStoreIsAnEmptyDirectory() throws {
        let mount = Mount(mode: .seconds(1))
        let handle = try mount.fileSystem.openDirectory(1, .waiting)
        var names: [String] = []
        try mount.fileSystem.readDirectory(handle, from: 0, .waiting, withAttributes: false) { entry, _ in
            names.append(String(decoding: entry.name, as: UTF8.self))
            return true
        }
        #expect(names == [".", ".."])
    }

    @Test func afterInvalidateTheStoreIsAskedAgain() throws {
        let mount = Mount(mode: nil)
        mount.store.state.withLock { $0.objects["a"] = .file("v1") }
        let first = try mount.lookup("a").node
        mount.store.state.withLock { $0.objects["a"] = .file("v2") }
        #expect(try mount.lookup("a").node == first)
        try mount.fileSystem.setExtendedAttribute(
            "user.alluxio.invalidate",
            value: UnsafeRawBufferPointer(start: nil, count: 0),
            .any,
            of: first,
            .waiting
        )
        #expect(try mount.lookup("a").node != first)
    }
}
