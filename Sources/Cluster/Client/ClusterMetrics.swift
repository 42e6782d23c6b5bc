import CoreMetrics

/// What the cluster link counts; made once.
struct ClusterMetrics: Sendable {
    let workerBytes: Counter
    let foreignBytes: Counter
    let storeBytes: Counter
    let hedged: Counter
    let patience: Counter
    let probes: Counter
    let opened: Counter
    let openBreakers = Gauge(label: "alluxio_fuse_cluster_breakers_open")
    let firstByte: Timer
    let metadataFromWorkers: Counter
    let metadataFromStore: Counter

    private let news: [NewsOutcome: Counter]
    private let failures: [FallbackReason: Counter]
    private let fallbacks: [FallbackReason: Counter]

    /// Makes the metrics.
    /// - Parameter factory: Where they are kept.
    init(_ factory: any MetricsFactory = MetricsSystem.factory) {
        func counter(_ label: String, _ dimensions: [(String, String)] = []) -> Counter {
            Counter(label: label, dimensions: dimensions, factory: factory)
        }
        func byReason(_ label: String) -> [FallbackReason: Counter] {
            let reasons = FallbackReason.allCases.map { ($0, counter(label, [("reason", $0.rawValue)])) }
            return Dictionary(uniqueKeysWithValues: reasons)
        }
        workerBytes = counter("alluxio_read_from_workers_bytes_total")
        foreignBytes = counter("alluxio_fuse_cluster_foreign_bytes_total")
        storeBytes = counter("alluxio_fuse_cluster_store_bytes_total")
        hedged = counter("alluxio_fuse_cluster_hedged_total")
        patience = counter("alluxio_fuse_cluster_waits_extended_total")
        probes = counter("alluxio_fuse_cluster_probes_total")
        opened = counter("alluxio_fuse_cluster_breakers_opened_total")
        firstByte = Timer(label: "alluxio_fuse_cluster_first_byte_seconds", factory: factory)
        let metadata = "alluxio_fuse_cluster_metadata_total"
        metadataFromWorkers = counter(metadata, [("source", "worker")])
        metadataFromStore = counter(metadata, [("source", "store")])
        news = Dictionary(
            uniqueKeysWithValues: NewsOutcome.allCases.map {
                ($0, counter("alluxio_fuse_cluster_news_total", [("outcome", $0.rawValue)]))
            }
        )
        failures = byReason("alluxio_fuse_cluster_failures_total")
        fallbacks = byReason("alluxio_fuse_cluster_fallbacks_total")
    }

    /// Changes were told to a worker, or not.
    func countNews(_ outcome: NewsOutcome, _ count: Int = 1) { news[outcome]?.increment(by: count) }

    /// A worker did not give what it was asked for.
    func countFailure(_ reason: FallbackReason) { failures[reason]?.increment() }

    /// The store was asked instead.
    func countFallback(_ reason: FallbackReason) { fallbacks[reason]?.increment() }
}

/// What became of a change that a worker is to be told of.
enum NewsOutcome: String, CaseIterable, Sendable {
    /// It was told.
    case sent
    /// Too many waited.
    case dropped
    /// The worker did not take it, or is left alone.
    case failed
    /// It was told, and the worker has no room to read the new version ahead.
    case refused
}
