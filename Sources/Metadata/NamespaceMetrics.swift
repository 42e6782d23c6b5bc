import CoreMetrics

/// The counters of the namespace cache; `docs/metrics.md` describes them.
struct NamespaceMetrics: Sendable {
    /// Lookups answered by a trusted listing that has the name.
    let listed = lookups("listing")
    /// Lookups of what this mount made and the store does not have yet.
    let own = lookups("own")
    /// Lookups answered by a trusted single answer.
    let cached = lookups("lookup")
    /// Absences answered by a complete listing or an earlier answer.
    let negative = lookups("negative")
    /// Lookups for which the store was asked.
    let asked = lookups("store")
    /// Lookups that were answered by another caller's request.
    let joined = lookups("joined")
    /// Lookups that were answered by listing the directory instead.
    let relisted = lookups("relisted")
    /// Listings begun.
    let listings = Counter(label: "alluxio_fuse_namespace_listings_total")
    /// Pages of listings that arrived.
    let pages = Counter(label: "alluxio_fuse_namespace_listing_pages_total")
    /// Keys that listings could not show as names.
    let hidden = Counter(label: "alluxio_fuse_namespace_hidden_keys_total")
    /// Listings dropped to stay within the byte limit.
    let evictions = Counter(label: "alluxio_fuse_namespace_listing_evictions_total")
    /// Names held.
    let entries = Gauge(label: "alluxio_fuse_namespace_entries")
    /// Bytes that listings hold.
    let bytes = Gauge(label: "alluxio_fuse_namespace_listing_bytes")

    private static func lookups(_ outcome: String) -> Counter {
        Counter(label: "alluxio_fuse_namespace_lookups_total", dimensions: [("outcome", outcome)])
    }
}
