import HTTPTransport
import Metadata
import ObjectStore
import Pages
import Synchronization
import Testing
import TestServers

/// A listing in memory.
struct Listed {
    var entries: [[UInt8]: Attributes] = [:]
    var order: [String] = []
    var hidden = 0
    var pages = 0

    init(_ store: S3Store, _ path: RelativePath) throws {
        var token: ListingToken?
        repeat {
            let page = try store.list(path, from: token) { name, attributes in
                entries[Array(name)] = attributes
                order.append(String(decoding: name, as: UTF8.self))
            }
            hidden += page.hidden
            pages += 1
            token = page.next
        } while token != nil && pages < 1000
    }

    subscript(name: String) -> Attributes? { entries[Array(name.utf8)] }
}

func fetched(_ store: S3Store, _ path: String, _ span: Span? = nil) throws -> [UInt8] {
    let path = RelativePath(path)
    let attributes = try store.attributes(of: path, known: nil)
    let etag = try #require(attributes.etag)
    let version = FileVersion(uri: store.uri(of: path), etag: etag, size: attributes.size)
    var bytes: [UInt8] = []
    try store.fetch(span ?? Span(offset: 0, count: Int(attributes.size)), of: version) { bytes += Array($0) }
    return bytes
}

@Suite(.serialized, .timeLimit(.minutes(10)))
struct S3WeedTests {
    let weed: WeedServer
    let transport = HTTPTransport()

    init() throws { weed = try WeedServer.shared() }

    func store(_ bucket: String, prefix: String = "", _ change: (inout S3Options) -> Void = { _ in }) throws
        -> S3Store
    {
        var options = weed.options(bucket, prefix: prefix)
        change(&options)
        return try S3Store(options: options, transport: transport, credentials: weed.credentials())
    }

    @Test func `a ranged read gives exactly the bytes that were asked for`() throws {
        let (bucket, upload) = try weed.freshBucket("ranges")
        let data = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        try upload.put(data, to: Array("dir/data.bin".utf8))
        let store = try store(bucket)
        try #require(try fetched(store, "dir/data.bin") == data)
        for (offset, count) in [(0, 1), (2_999_999, 1), (1_048_570, 20), (5, 2_000_000)] {
            let span = Span(offset: Int64(offset), count: count)
            #expect(try fetched(store, "dir/data.bin", span) == Array(data[offset..<(offset + count)]))
        }
    }

    @Test func `a replaced or removed object is stale`() throws {
        let (bucket, upload) = try weed.freshBucket("stale")
        let key = Array("a/file".utf8)
        try upload.put(Array("first contents".utf8), to: key)
        let store = try store(bucket)
        let path = RelativePath("a/file")
        let old = try store.attributes(of: path, known: nil)
        let version = FileVersion(
            uri: store.uri(of: path),
            etag: try #require(old.etag),
            size: old.size
        )
        try upload.put(Array("other contents".utf8), to: key)
        var given = 0
        #expect(throws: StoreError.stale) {
            try store.fetch(Span(offset: 0, count: 5), of: version) { given += $0.count }
        }
        try upload.delete(key)
        #expect(throws: StoreError.stale) {
            try store.fetch(Span(offset: 0, count: 5), of: version) { given += $0.count }
        }
        #expect(given == 0)
        #expect(throws: StoreError.notFound) { try store.attributes(of: path, known: .file) }
    }

    @Test func `a listing of 2500 entries has each once, in three pages`() throws {
        let (bucket, upload) = try weed.freshBucket("many")
        for index in 0..<2490 { try upload.put([1, 2, 3], to: Array("p/d/f \(index)+%".utf8)) }
        for index in 0..<10 { try upload.put([1], to: Array("p/d/sub\(index)/x".utf8)) }
        let listed = try Listed(try store(bucket, prefix: "p"), RelativePath("d"))
        #expect(listed.entries.count == 2500)
        #expect(listed.order.count == 2500)
        #expect(listed.pages == 3)
        #expect(listed["f 77+%"]?.size == 3)
        #expect(listed["sub3"]?.kind == .directory)
    }

    @Test func `awkward keys are shown faithfully`() throws {
        let (bucket, upload) = try weed.freshBucket("awkward")
        let names = [
            "a b", "a+b", "a%b", "a%2Bb", "é", "q\"<>&'x", "new\nline", "tab\tx", "~._-", "日本", "a=b&c;d?#",
        ]
        for name in names { try upload.put(Array(name.utf8), to: Array("d/\(name)".utf8)) }
        let store = try store(bucket)
        let listed = try Listed(store, RelativePath("d"))
        #expect(Set(listed.order) == Set(names))
        for name in names {
            #expect(try fetched(store, "d/\(name)") == Array(name.utf8), "\(name)")
            #expect(
                try store.attributes(of: RelativePath("d/\(name)"), known: nil) == listed[name],
                "\(name)"
            )
        }
    }

    @Test func `a key that is also a prefix is a directory`() throws {
        let (bucket, upload) = try weed.freshBucket("both")
        try upload.put([1, 2], to: Array("d/both".utf8))
        try upload.put([1], to: Array("d/both/inside".utf8))
        try upload.put([], to: Array("d/marker/".utf8))
        let store = try store(bucket)
        let listed = try Listed(store, RelativePath("d"))
        #expect(listed["both"]?.kind == .directory)
        #expect(listed["marker"]?.kind == .directory)
        #expect(listed.order.count == 2)
        #expect(listed.hidden == 1)
        #expect(try store.attributes(of: RelativePath("d/both"), known: nil).kind == .directory)
        let marker = try store.attributes(of: RelativePath("d/marker"), known: nil)
        #expect(marker.kind == .directory)
        #expect(marker.modified > 0)
        #expect(try Listed(store, RelativePath("d/marker")).order.isEmpty)
    }

    @Test func `absent names and absent directories are not found`() throws {
        let (bucket, upload) = try weed.freshBucket("absent")
        try upload.put([1], to: Array("there".utf8))
        let store = try store(bucket)
        for known in [nil, EntryKind.file, EntryKind.directory] {
            #expect(throws: StoreError.notFound) {
                try store.attributes(of: RelativePath("no"), known: known)
            }
            #expect(try store.attributes(of: RelativePath("there"), known: known).kind == .file)
        }
        #expect(throws: StoreError.notFound) { try Listed(store, RelativePath("no")) }
        #expect(try Listed(store, .root).order == ["there"])
    }
}
