import HTTPTransport
import Metadata
import ObjectStore
import Pages
import Synchronization
import Testing
import TestServers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct S3ParallelListingTests {
    private let weed: WeedServer
    private let transport = HTTPTransport()

    init() throws { weed = try WeedServer.shared() }

    @Test func `a directory of 6000 names is read in several places, each name once, with few requests`()
        throws
    {
        let (bucket, upload) = try weed.freshBucket("parallel")
        let failures = Atomic<Int>(0)
        concurrently(4) { thread in
            for index in stride(from: thread, to: 6000, by: 4) {
                let name = "d/entry + \(10_000 + index)"
                // Some directories among them, and where servers differ about their place.
                let key = index.isMultiple(of: 50) ? name + "/inside" : name
                do { try upload.put([1], to: Array(key.utf8)) } catch {
                    failures.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        for key in ["d/entry/x", "d/entry +/x", "d/entry + 1/x", "d/entry + 13/x", "d/zebra"] {
            try upload.put([1], to: Array(key.utf8))
        }
        try #require(failures.load(ordering: .relaxed) == 0)
        for pageSize in [1000, 100] {
            var options = weed.options(bucket)
            options.listPageSize = pageSize
            let store = try S3Store(options: options, transport: transport, credentials: weed.credentials())
            let counted = CountedSource(store)
            let names = try list(counted, RelativePath("d"))
            #expect(names.count == 6005)
            for index in 0..<6000 {
                let kind: EntryKind = index.isMultiple(of: 50) ? .directory : .file
                #expect(names[Array("entry + \(10_000 + index)".utf8)] == kind)
            }
            for name in ["entry", "entry +", "entry + 1", "entry + 13"] {
                #expect(names[Array(name.utf8)] == .directory)
            }
            let (requests, starts) = counted.requests
            print("6005 names by \(pageSize): \(requests) requests, \(starts) of them from a name on")
            #expect(requests <= (6005 + pageSize - 1) / pageSize + 16)
            if pageSize == 100 { #expect(starts > 8) }
        }
    }

    /// Lists a directory with one reader and five threads that read ahead.
    private func list(_ source: CountedSource, _ directory: RelativePath) throws -> [[UInt8]: EntryKind] {
        let cache = NamespaceCache(source: source, options: NamespaceOptions())
        let listing = try cache.listing(of: directory, mayWait: true)
        let isOver = Atomic(false)
        let position = Atomic(0)
        concurrently(6) { thread in
            guard thread == 0 else {
                while !isOver.load(ordering: .relaxed) {
                    _ = listing.stepAhead(of: position.load(ordering: .relaxed))
                }
                return
            }
            while !listing.isComplete, (try? listing.fill(beyond: listing.count)) != nil {
                position.store(listing.count, ordering: .relaxed)
            }
            isOver.store(true, ordering: .relaxed)
        }
        #expect(listing.isComplete)
        var names: [[UInt8]: EntryKind] = [:]
        listing.forEach(from: 0) { _, name, attributes in
            names[Array(name)] = attributes.kind
            return true
        }
        #expect(names.count == listing.count)
        return names
    }

    @Test func `a directory of nothing behind a name is no error`() throws {
        let (bucket, upload) = try weed.freshBucket("behind")
        try upload.put([1], to: Array("p/d/a".utf8))
        try upload.put([1], to: Array("p/d/b%/x".utf8))
        let options = weed.options(bucket, prefix: "p")
        let store = try S3Store(options: options, transport: transport, credentials: weed.credentials())
        var names: [String] = []
        for start in ["a", "b", "b%", "c"] {
            let page = try store.list(RelativePath("d"), after: Array(start.utf8), entriesMaximum: nil) {
                name,
                _ in names.append(start + ":" + String(decoding: name, as: UTF8.self))
            }
            #expect(page.next == nil && page.hidden == 0)
        }
        #expect(Set(names).isSuperset(of: ["a:b%", "b:b%"]))
        #expect(!names.contains { $0.hasPrefix("c:") || $0.hasSuffix(":a") })
    }
}

/// Counts the requests of a listing.
private final class CountedSource: MetadataSource {
    private let store: S3Store
    private let pages = Atomic(0)
    private let starts = Atomic(0)

    init(_ store: S3Store) { self.store = store }

    /// How many there were, and how many of them began at a name.
    var requests: (all: Int, starts: Int) {
        let starts = starts.load(ordering: .relaxed)
        return (pages.load(ordering: .relaxed) + starts, starts)
    }

    func uri(of path: RelativePath) -> UFSURI { store.uri(of: path) }
    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try store.attributes(of: path, known: known)
    }
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try store.linkTarget(of: path) }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        pages.wrappingAdd(1, ordering: .relaxed)
        return try store.list(directory, from: token, into: sink)
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        starts.wrappingAdd(1, ordering: .relaxed)
        return try store.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }
}
