import CoreMetrics

/// What the cluster link counts; made once.
struct ClusterMetrics: Sendable {
    let workerBytes = Counter(label: "alluxio_read_from_workers_bytes_total")
    let foreignBytes = Counter(label: "alluxio_fuse_cluster_foreign_bytes_total")
    let storeBytes = Counter(label: "alluxio_fuse_cluster_store_bytes_total")
    let hedged = Counter(label: "alluxio_fuse_cluster_hedged_total")
    let patience = Counter(label: "alluxio_fuse_cluster_waits_extended_total")
    let probes = Counter(label: "alluxio_fuse_cluster_probes_total")
    let opened = Counter(label: "alluxio_fuse_cluster_breakers_opened_total")
    let openBreakers = Gauge(label: "alluxio_fuse_cluster_breakers_open")
    let firstByte = Timer(label: "alluxio_fuse_cluster_first_byte_seconds")
    let metadataFromWorkers = Self.metadata("worker")
    let metadataFromStore = Self.metadata("store")

    private let failures = Self.byReason("alluxio_fuse_cluster_failures_total")
    private let fallbacks = Self.byReason("alluxio_fuse_cluster_fallbacks_total")

    /// A worker did not give what it was asked for.
    func countFailure(_ reason: FallbackReason) { failures[reason]?.increment() }

    /// The store was asked instead.
    func countFallback(_ reason: FallbackReason) { fallbacks[reason]?.increment() }

    private static func metadata(_ source: String) -> Counter {
        Counter(label: "alluxio_fuse_cluster_metadata_total", dimensions: [("source", source)])
    }

    private static func byReason(_ label: String) -> [FallbackReason: Counter] {
        var counters: [FallbackReason: Counter] = [:]
        for reason in FallbackReason.allCases {
            counters[reason] = Counter(label: label, dimensions: [("reason", reason.rawValue)])
        }
        return counters
    }
}
