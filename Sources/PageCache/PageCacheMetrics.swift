import CoreMetrics

/// The cache's counters; `docs/metrics.md` describes them.
struct PageCacheMetrics: Sendable {
    /// Bytes that readers got from the cache.
    let hitBytes = Counter(label: "alluxio_cached_data_read_bytes_total")
    /// Bytes that readers had to wait for.
    let missBytes = Counter(label: "alluxio_missed_data_read_bytes_total")
    /// Bytes that were fetched and stored.
    let filledBytes = Counter(label: "alluxio_fuse_cache_filled_bytes_total")
    /// Bytes that made room for others.
    let evictedBytes = Counter(label: "alluxio_cached_evicted_data_bytes_total")
    /// Bytes in the cache.
    let storedBytes = Gauge(label: "alluxio_cached_storage_bytes")
    /// The byte limit.
    let capacityBytes = Gauge(label: "alluxio_cached_capacity_bytes")
    /// Versions of files in the cache.
    let storedFiles = Gauge(label: "alluxio_data_cached_files")
    /// Reads served from private memory because the cache could not take the bytes.
    let uncachedReads = Counter(label: "alluxio_fuse_cache_uncached_reads_total")
    /// Failed calls on the cache directory.
    let errors = Counter(label: "alluxio_fuse_cache_errors_total")
    /// Granules and records that failed their checksum and were dropped.
    let corrupt = Counter(label: "alluxio_fuse_cache_corrupt_total")
    /// Reads that waited for another reader's transfer.
    let waits = Counter(label: "alluxio_fuse_cache_waits_total")
}
