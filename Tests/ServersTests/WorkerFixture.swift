import Glibc
import HTTPTransport
import Logging
import Metadata
import ObjectStore
import PageCache
import Pages
import Servers
import Synchronization
import TestServers

/// A store that counts what it is asked for.
final class CountingStore: MetadataSource, SpanSource {
    struct Counts: Sendable {
        var fetches = 0
        var bytes = 0
        var listings = 0
        var lookups = 0
    }

    private let store: any MetadataSource & SpanSource
    private let state = Mutex(Counts())
    /// How long each fetch waits first.
    let delay: Duration

    init(_ store: any MetadataSource & SpanSource, delay: Duration = .zero) {
        self.store = store
        self.delay = delay
    }

    var counts: Counts { state.withLock { $0 } }

    func uri(of path: RelativePath) -> UFSURI { store.uri(of: path) }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        state.withLock { $0.lookups += 1 }
        return try store.attributes(of: path, known: known)
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        state.withLock { $0.listings += 1 }
        return try store.list(directory, from: token, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try store.linkTarget(of: path) }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        state.withLock {
            $0.fetches += 1
            $0.bytes += span.count
        }
        if delay > .zero { usleep(UInt32(delay / .microseconds(1))) }
        try store.fetch(span, of: version, into: sink)
    }
}

/// A worker in this process on a bucket of the real S3 server.
final class WorkerFixture: Sendable {
    let bucket: String
    let upload: S3Upload
    let store: CountingStore
    let worker: WorkerServer
    let ports: WorkerServer.Ports
    let cache: PageCache
    /// The store behind the worker, as a mount without workers has it.
    let objects: S3Store
    private let threads: ServerThreads
    /// Keeps the directory of the cache until the fixture, or the test process, is gone.
    private let directory: SupervisedProcess?
    private let transport = HTTPTransport()

    init(
        onDisk: Bool = true,
        delay: Duration = .zero,
        peers: any WorkerDirectory = NoOtherWorkers(),
        bucket existing: (name: String, upload: S3Upload)? = nil,
        changing: Bool = false,
        _ change: (inout WorkerOptions) -> Void = { _ in }
    ) async throws {
        let weed = try WeedServer.shared()
        (bucket, upload) = try existing ?? weed.freshBucket("worker")
        objects = try S3Store(
            options: weed.options(bucket),
            transport: HTTPTransport(),
            credentials: weed.credentials()
        )
        store = CountingStore(objects, delay: delay)
        let stores = FixedStores([
            MountedStore(
                id: 1,
                path: "/s3",
                root: UFSURI("s3://\(bucket)"),
                store: store,
                options: [("region", "us-east-1")],
                changing: changing ? try Self.posix(objects) : nil
            )
        ])
        directory = onDisk ? try SupervisedProcess(["sleep", "infinity"]) : nil
        cache = try PageCache(
            options: PageCacheOptions(
                storage: directory.map { .directory(path: $0.directory + "/cache", bytesMaximum: 4 << 30) }
                    ?? .memory(bytesMaximum: 64 << 20)
            ),
            next: StoreRouter(stores),
            logger: Logger(label: "test")
        )
        threads = ServerThreads(loops: 2, waiting: 80)
        var options = WorkerOptions()
        options.http.host = "127.0.0.1"
        options.http.port = 0
        options.arrayNodePort = 0
        options.s3Port = 0
        options.pageBytes = 1 << 20
        options.version = "test"
        options.metricsText = { Array("alluxio_version_info 1\n".utf8) }
        change(&options)
        worker = try WorkerServer(
            options: options,
            stores: stores,
            directory: peers,
            pages: cache,
            threads: threads
        )
        ports = try await worker.start()
    }

    /// The store of a bucket as a mount changes it, without a journal.
    static func posix(_ objects: S3Store) throws -> AttributedStore {
        var shown = AttributedStoreOptions()
        shown.syncInterval = .zero
        shown.markerInterval = .zero
        shown.uid = geteuid()
        shown.gid = getegid()
        return try AttributedStore(next: objects, store: objects, options: shown)
    }

    /// Asks for a change.
    func post(_ endpoint: String, _ query: String, body: [UInt8]? = nil) throws -> HTTPResponse {
        try get("/v1/\(endpoint)/\(Self.anyID)?\(query)", method: "POST", body: body ?? [])
    }

    /// The bytes of an object, asked of the store itself; nil if there is none.
    func stored(_ key: String) throws -> [UInt8]? {
        let path = RelativePath(key)
        do throws(StoreError) {
            let found = try objects.attributes(of: path, known: .file)
            guard let etag = found.etag else { return nil }
            let version = FileVersion(uri: objects.uri(of: path), etag: etag, size: found.size)
            var bytes: [UInt8] = []
            if found.size > 0 {
                try objects.fetch(Span(offset: 0, count: Int(found.size)), of: version) {
                    bytes.append(contentsOf: $0)
                }
            }
            return bytes
        } catch .notFound {
            return nil
        }
    }

    /// The names in a directory, asked of the store itself, ours left out.
    func names(in directory: String) throws -> [String] {
        var names: [String] = []
        do throws(StoreError) {
            var token: ListingToken?
            repeat {
                let page = try objects.list(RelativePath(directory), from: token) { name, _ in
                    if !ReservedNames.contains(name) { names.append(String(decoding: name, as: UTF8.self)) }
                }
                token = page.next
            } while token != nil
        } catch .notFound {
            return []
        }
        return names.sorted()
    }

    /// Ends the worker and removes its cache.
    func stop() async {
        await worker.stop(within: .seconds(5))
        await threads.stop()
        cache.close()
        directory?.stop()
    }

    /// The UFS address of a key.
    func address(_ key: String) -> String { "s3://\(bucket)/\(key)" }

    /// Asks the HTTP API.
    func get(
        _ target: String,
        _ fields: [(name: String, value: String)] = [],
        method: String = "GET",
        body: [UInt8]? = nil,
        port: Int? = nil
    ) throws -> HTTPResponse {
        try transport.send(
            HTTPRequest(
                method: method,
                url: "http://127.0.0.1:\(port ?? ports.http)\(target)",
                headers: fields,
                body: body
            ),
            bodyLimitBytes: 1 << 30
        )
    }

    /// Asks the S3 API.
    func s3(
        _ target: String,
        _ fields: [(name: String, value: String)] = [],
        method: String = "GET"
    ) throws -> HTTPResponse {
        try get(target, fields, method: method, port: ports.s3)
    }

    /// Asks for a page.
    func page(_ key: String, _ index: Int, _ query: String = "") throws -> HTTPResponse {
        try get("/v1/file/\(Self.anyID)/page/\(index)?ufsFullPath=\(address(key))\(query)")
    }

    static let anyID = String(repeating: "0", count: 64)

    /// Bytes that differ from place to place.
    static func data(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return [UInt8](unsafeUninitializedCapacity: count) { space, used in
            for index in 0..<count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                space[index] = UInt8(truncatingIfNeeded: state >> 33)
            }
            used = count
        }
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
