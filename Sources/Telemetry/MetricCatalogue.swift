/// One metric: its name, its type, and what it means.
public struct MetricDescription: Sendable {
    /// The name, as Prometheus shows it.
    public let name: String
    /// `counter`, `gauge` or `histogram`.
    public let type: String
    /// What it counts, in one sentence; unit and labels included.
    public let help: String

    /// Describes a metric.
    /// - Parameters:
    ///   - name: The name, as Prometheus shows it.
    ///   - type: `counter`, `gauge` or `histogram`.
    ///   - help: What it counts, in one sentence.
    public init(_ name: String, _ type: String, _ help: String) {
        self.name = name
        self.type = type
        self.help = help
    }
}

/// Every metric of the daemon.
///
/// `docs/metrics.md` and the `# HELP` lines are made from it.
public enum MetricCatalogue {
    /// The metrics, sorted by name.
    public static let all = (daemon + objects + cluster + writing).sorted { $0.name < $1.name }

    /// The metrics of the daemon without workers.
    private static let daemon: [MetricDescription] = [
        MetricDescription(
            "alluxio_cached_capacity_bytes",
            "gauge",
            "The most bytes that the data cache may hold."
        ),
        MetricDescription(
            "alluxio_cached_data_read_bytes_total",
            "counter",
            "Bytes that readers got from the data cache."
        ),
        MetricDescription(
            "alluxio_cached_evicted_data_bytes_total",
            "counter",
            "Bytes that left the data cache to make room for others."
        ),
        MetricDescription(
            "alluxio_cached_storage_bytes",
            "gauge",
            "Bytes in the data cache."
        ),
        MetricDescription(
            "alluxio_data_cached_files",
            "gauge",
            "Versions of files in the data cache."
        ),
        MetricDescription(
            "alluxio_fuse_cache_corrupt_total",
            "counter",
            "Cached granules and records that failed their checksum and were dropped."
        ),
        MetricDescription(
            "alluxio_fuse_cache_errors_total",
            "counter",
            "Failed calls on the cache directory; reading goes on without it."
        ),
        MetricDescription(
            "alluxio_fuse_cache_filled_bytes_total",
            "counter",
            "Bytes that were fetched and kept."
        ),
        MetricDescription(
            "alluxio_fuse_cache_uncached_reads_total",
            "counter",
            "Reads that were served past the cache, since it could not take their bytes."
        ),
        MetricDescription(
            "alluxio_fuse_cache_waits_total",
            "counter",
            "Reads that waited for another reader's transfer of the same bytes."
        ),
        MetricDescription(
            "alluxio_fuse_call_latency_ms",
            "histogram",
            "Time from a request of the kernel to its reply, in milliseconds, by `method`."
        ),
        MetricDescription(
            "alluxio_fuse_concurrency",
            "gauge",
            "Requests of the kernel that wait for the store, queued or on a thread."
        ),
        MetricDescription(
            "alluxio_fuse_credentials_fetches_total",
            "counter",
            "Attempts to get credentials."
        ),
        MetricDescription(
            "alluxio_fuse_etcd_errors_total",
            "counter",
            "Requests to etcd that gave no answer or a refusal, by `kind`."
        ),
        MetricDescription(
            "alluxio_fuse_etcd_requests_total",
            "counter",
            "Requests that were sent to etcd."
        ),
        MetricDescription(
            "alluxio_fuse_handed_over_total",
            "counter",
            "Requests of the kernel that memory and disk could not answer at once."
        ),
        MetricDescription(
            "alluxio_fuse_http_connections_opened_total",
            "counter",
            "Connections that were opened."
        ),
        MetricDescription(
            "alluxio_fuse_http_errors_total",
            "counter",
            "HTTP exchanges without a complete response, by `kind`."
        ),
        MetricDescription(
            "alluxio_fuse_http_received_bytes_total",
            "counter",
            "Bytes of response bodies that came."
        ),
        MetricDescription(
            "alluxio_fuse_http_request_duration_seconds",
            "histogram",
            "Time of a whole HTTP exchange, in seconds."
        ),
        MetricDescription(
            "alluxio_fuse_http_requests_total",
            "counter",
            "HTTP requests that were sent."
        ),
        MetricDescription(
            "alluxio_fuse_http_stale_connections_total",
            "counter",
            "Requests that were sent again because an idle connection turned out to be closed."
        ),
        MetricDescription(
            "alluxio_fuse_interrupts_total",
            "counter",
            "Interrupts of requests, by `state`: `ended` of a dying caller, `ignored` of others."
        ),
        MetricDescription(
            "alluxio_fuse_log_suppressed_total",
            "counter",
            "Log lines about failed requests that were left out because there were too many."
        ),
        MetricDescription(
            "alluxio_fuse_membership_changes_total",
            "counter",
            "Changes of the registered or live workers that were seen."
        ),
        MetricDescription(
            "alluxio_fuse_membership_contact_timestamp_seconds",
            "gauge",
            "When etcd last answered about the workers, in seconds since 1970."
        ),
        MetricDescription(
            "alluxio_fuse_membership_errors_total",
            "counter",
            "Reads of the workers in etcd that failed, and watches that broke."
        ),
        MetricDescription(
            "alluxio_fuse_membership_invalid_entries",
            "gauge",
            "Keys of the cluster in etcd that hold no worker."
        ),
        MetricDescription(
            "alluxio_fuse_membership_workers",
            "gauge",
            "Known workers, by `state`: `live` or `lost`."
        ),
        MetricDescription(
            "alluxio_fuse_metric_series_dropped",
            "gauge",
            "Series that were not kept because there are too many or the name has another type."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_changes_total",
            "counter",
            "Changes of the mount table that were seen."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_contact_timestamp_seconds",
            "gauge",
            "When the mount table was last read or confirmed, in seconds since 1970."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_errors_total",
            "counter",
            "Reads of the mount table that failed, and watches that broke."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_mounts",
            "gauge",
            "Stores in the mount table."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_retired_stores",
            "gauge",
            "Stores that are no longer mounted and are kept for files that are still open."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_skipped_entries",
            "gauge",
            "Entries of the mount table in etcd that cannot be mounted."
        ),
        MetricDescription(
            "alluxio_fuse_mount_table_unusable_stores",
            "gauge",
            "Mounted stores that cannot be used; their directories give errors."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_entries",
            "gauge",
            "Names that are known."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_hidden_keys_total",
            "counter",
            "Keys in listings that cannot be shown as names."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_listing_bytes",
            "gauge",
            "Bytes of memory that listings hold."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_listing_evictions_total",
            "counter",
            "Listings dropped to stay within their limit."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_listing_pages_total",
            "counter",
            "Pages of listings that arrived."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_listings_total",
            "counter",
            "Listings that were begun."
        ),
        MetricDescription(
            "alluxio_fuse_namespace_lookups_total",
            "counter",
            "Lookups of names, by `outcome`: from memory, from the store, and how."
        ),
        MetricDescription(
            "alluxio_fuse_nodes",
            "gauge",
            "Nodes that the kernel has references to."
        ),
        MetricDescription(
            "alluxio_fuse_open_descriptors",
            "gauge",
            "File descriptors that the daemon has open."
        ),
        MetricDescription(
            "alluxio_fuse_open_handles",
            "gauge",
            "Open files and directories, by `kind`."
        ),
        MetricDescription(
            "alluxio_fuse_read_ahead_bytes",
            "counter",
            "Bytes read ahead, by `outcome`: `issued`, and `unused` when their reader had gone."
        ),
        MetricDescription(
            "alluxio_fuse_read_ahead_outstanding_bytes",
            "gauge",
            "Bytes asked for ahead of readers and not read yet."
        ),
        MetricDescription(
            "alluxio_fuse_read_bytes",
            "counter",
            "Bytes of reads, by `source`: `resident` at once, `waited` after a fetch."
        ),
        MetricDescription(
            "alluxio_fuse_registration_errors_total",
            "counter",
            "Attempts to keep the worker's lease that failed."
        ),
        MetricDescription(
            "alluxio_fuse_registration_leases_total",
            "counter",
            "Leases that the worker got; more than one means that it was lost."
        ),
        MetricDescription(
            "alluxio_fuse_reply_bytes_total",
            "counter",
            "Bytes of read replies, by `method`: `splice` or `copy`."
        ),
        MetricDescription(
            "alluxio_fuse_resident_bytes",
            "gauge",
            "Resident memory of the daemon, in bytes."
        ),
        MetricDescription(
            "alluxio_fuse_result_total",
            "counter",
            "Requests of the kernel, by `method` and `state`."
        ),
        MetricDescription(
            "alluxio_fuse_stale_opens",
            "counter",
            "Opens of a version that had been replaced; the kernel walks the path again."
        ),
        MetricDescription(
            "alluxio_fuse_start_time_seconds",
            "gauge",
            "When the daemon started, in seconds since 1970."
        ),
        MetricDescription(
            "alluxio_fuse_threads",
            "gauge",
            "Threads of the daemon."
        ),
        MetricDescription(
            "alluxio_fuse_waiting_pool_queue_length",
            "gauge",
            "Operations that wait for a thread, by `priority`."
        ),
        MetricDescription(
            "alluxio_fuse_waiting_pool_threads",
            "gauge",
            "Threads that wait for the store, busy or idle."
        ),
        MetricDescription(
            "alluxio_missed_data_read_bytes_total",
            "counter",
            "Bytes that readers had to wait for."
        ),
        MetricDescription(
            "alluxio_version_info",
            "gauge",
            "Always 1; the label `version` is the daemon's version."
        ),
    ]

    private static let helpByName = Dictionary(
        all.map { ($0.name, $0.help) },
        uniquingKeysWith: { first, _ in first }
    )

    /// What a metric means.
    /// - Parameter name: The metric's name.
    /// - Returns: Its help text, or nil if the catalogue does not know it.
    public static func help(of name: String) -> String? { helpByName[name] }

    /// The document that lists all metrics.
    /// - Returns: Markdown, as `docs/metrics.md` holds it.
    public static func markdown() -> String {
        var text = """
            # Metrics

            Made from `Sources/Telemetry/MetricCatalogue.swift` by `alluxio-fuse help metrics`; tests hold
            this page, the catalogue and the sources together. `alluxio-fuse stat <mountpoint>` prints them;
            with `alluxio.fuse.web.enabled=true` they are served as Prometheus text under `/metrics`. Names
            that existing Alluxio dashboards know are kept.

            | metric | type | meaning |
            | --- | --- | --- |

            """
        for metric in all {
            text += "| `\(metric.name)` | \(metric.type) | \(metric.help) |\n"
        }
        return text
    }
}
