import CoreMetrics

/// The metrics of a file system; gauges are set by its housekeeping.
struct FileSystemMetrics: Sendable {
    /// Bytes of reads that were answered from the cache at once.
    let residentBytes = Counter(label: "alluxio_fuse_read_bytes", dimensions: [("source", "resident")])
    /// Bytes of reads that waited for a fetch.
    let waitedBytes = Counter(label: "alluxio_fuse_read_bytes", dimensions: [("source", "waited")])
    /// Bytes whose fetch ahead of a reader was begun.
    let issuedAheadBytes = Counter(
        label: "alluxio_fuse_read_ahead_bytes",
        dimensions: [("outcome", "issued")]
    )
    /// Bytes asked for ahead that nobody had read when their stream was given up.
    let unusedAheadBytes = Counter(
        label: "alluxio_fuse_read_ahead_bytes",
        dimensions: [("outcome", "unused")]
    )
    /// Opens refused because the path leads to another version by now.
    let staleOpens = Counter(label: "alluxio_fuse_stale_opens")

    /// Bytes that were written by programs.
    let writtenBytes = Counter(label: "alluxio_fuse_written_bytes")
    /// Files that the store took.
    let commits = Counter(label: "alluxio_fuse_commits", dimensions: [("outcome", "ok")])
    /// Files that it did not take.
    let failedCommits = Counter(label: "alluxio_fuse_commits", dimensions: [("outcome", "failed")])
    /// Open files whose last name went before their bytes could be kept.
    let unkeptFiles = Counter(label: "alluxio_fuse_unkept_files")
    /// Files whose last handle was closed although the store had not taken them.
    let abandonedFiles = Counter(label: "alluxio_fuse_abandoned_files")

    let openFiles = Gauge(label: "alluxio_fuse_open_handles", dimensions: [("kind", "file")])
    let openDirectories = Gauge(label: "alluxio_fuse_open_handles", dimensions: [("kind", "directory")])
    let nodes = Gauge(label: "alluxio_fuse_nodes")
    let budgetTaken = Gauge(label: "alluxio_fuse_read_ahead_outstanding_bytes")
    let poolThreads = Gauge(label: "alluxio_fuse_waiting_pool_threads")
    let poolDemand = Gauge(
        label: "alluxio_fuse_waiting_pool_queue_length",
        dimensions: [("priority", "demand")]
    )
    let poolAhead = Gauge(
        label: "alluxio_fuse_waiting_pool_queue_length",
        dimensions: [("priority", "ahead")]
    )
}
