import Glibc
import Logging
import Metadata
import Pages
import Synchronization
import Telemetry

@testable import Cluster

/// The store at the end of the chain: right bytes, and a memory of what it was asked.
final class StoreDouble: SpanSource, MetadataSource {
    private struct State: Sendable {
        var spans: [Span] = []
        var questions: [String] = []
        var delayMicroseconds: UInt32 = 0
        var pages: [[String]] = []
        var isStale = false
    }

    private let files: [UFSURI: TestFile]
    private let root: String
    private let state = Mutex(State())
    /// What the store says of every file's last change.
    static let modified: Int64 = 1_700_000_000_500_000_000

    init(_ files: [TestFile] = [], root: String = "s3://bucket") {
        self.root = root
        self.files = Dictionary(uniqueKeysWithValues: files.map { ($0.version.uri, $0) })
    }

    /// The spans that were asked for, in order.
    var spans: [Span] { state.withLock { $0.spans } }
    /// The questions about names, in order.
    var questions: [String] { state.withLock { $0.questions } }
    var delayMicroseconds: UInt32 {
        get { state.withLock { $0.delayMicroseconds } }
        set { state.withLock { $0.delayMicroseconds = newValue } }
    }
    /// The pages of every listing.
    var pages: [[String]] {
        get { state.withLock { $0.pages } }
        set { state.withLock { $0.pages = newValue } }
    }
    /// Whether every version is gone.
    var isStale: Bool {
        get { state.withLock { $0.isStale } }
        set { state.withLock { $0.isStale = newValue } }
    }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        state.withLock { $0.spans.append(span) }
        if delayMicroseconds > 0 { usleep(delayMicroseconds) }
        guard let file = files[version.uri], file.version == version, !isStale else { throw .stale }
        var position = span.offset
        while position < span.end {
            let stop = min(position + 16 << 10, span.end)
            let result = file[Span(from: position, to: stop)].withUnsafeBytes { bytes in
                Result { () throws(StoreError) in try sink(bytes) }
            }
            try result.get()
            position = stop
        }
    }

    func uri(of path: RelativePath) -> UFSURI {
        UFSURI(path.isRoot ? root : "\(root)/\(path)")
    }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        state.withLock { $0.questions.append("attributes \(path)") }
        guard let file = files[uri(of: path)] else { throw .notFound }
        return Attributes(
            kind: .file,
            size: file.version.size,
            modified: Self.modified,
            etag: file.version.etag
        )
    }

    func list(_ directory: RelativePath, from token: ListingToken?, into sink: EntrySink)
        throws(StoreError) -> ListingPage
    {
        state.withLock { $0.questions.append("list \(directory) \(token?.text ?? "-")") }
        let index = token.flatMap { Int($0.text) } ?? 0
        let pages = pages
        guard index < pages.count else { throw .notFound }
        for name in pages[index] {
            Array(name.utf8).withUnsafeBytes {
                sink($0, Attributes(kind: .file, size: 1, modified: 1, etag: ETag("store")))
            }
        }
        return ListingPage(next: index + 1 < pages.count ? ListingToken("\(index + 1)") : nil, hidden: 0)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { throw .unsupported("no links") }
}

/// Workers, store and link, put together for a test.
struct TestCluster: Sendable {
    let store: StoreDouble
    let directory: FixedDirectory
    let fleet: WorkerFleet
    let source: ClusterSource
    private let registry = PrometheusRegistry()

    init(
        _ workers: [WorkerCandidate],
        files: [TestFile],
        usesRing: Bool = false,
        _ change: (inout ClusterOptions) -> Void = { _ in }
    ) {
        var options = ClusterOptions()
        options.replicas = max(workers.count, 1)
        // Tests run side by side on few processors; those that are about time set it themselves.
        options.patience = .seconds(10)
        options.connectTimeout = .seconds(10)
        change(&options)
        store = StoreDouble(files)
        directory = FixedDirectory(workers, usesRing: usesRing)
        fleet = WorkerFleet(
            directory: directory,
            options: options,
            logger: Logger(label: "test"),
            metrics: ClusterMetrics(registry)
        )
        source = ClusterSource(fleet: fleet, next: store, store: store)
    }

    /// The value of a counter; 0 if it never counted.
    func count(_ series: String) -> Int {
        for line in registry.text().split(separator: "\n") where line.hasPrefix(series + " ") {
            return Int(line.dropFirst(series.utf8.count + 1)) ?? 0
        }
        return 0
    }

    /// How many reads went on to the store for a reason.
    func fallbacks(_ reason: String) -> Int {
        count("alluxio_fuse_cluster_fallbacks_total{reason=\"\(reason)\"}")
    }

    /// Reads a span, and gives what the sink got.
    func read(_ span: Span, of file: TestFile) throws(StoreError) -> [UInt8] {
        var bytes: [UInt8] = []
        try source.fetch(span, of: file.version) { bytes.append(contentsOf: $0) }
        return bytes
    }
}
