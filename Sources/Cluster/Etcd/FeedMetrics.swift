import CoreMetrics
import Glibc

/// What a feed tells about itself.
struct FeedMetrics: Sendable {
    /// Reads that failed and watches that broke.
    let errors: Counter
    /// Changes that were seen.
    let changes: Counter
    /// When the source last answered, in seconds since 1970; its age is the age of what is known.
    private let contact: Gauge

    /// The metrics of the list of workers.
    static var membership: FeedMetrics {
        FeedMetrics(
            errors: Counter(label: "alluxio_fuse_membership_errors_total"),
            changes: Counter(label: "alluxio_fuse_membership_changes_total"),
            contact: Gauge(label: "alluxio_fuse_membership_contact_timestamp_seconds")
        )
    }

    /// The metrics of the mount table.
    static var mountTable: FeedMetrics {
        FeedMetrics(
            errors: Counter(label: "alluxio_fuse_mount_table_errors_total"),
            changes: Counter(label: "alluxio_fuse_mount_table_changes_total"),
            contact: Gauge(label: "alluxio_fuse_mount_table_contact_timestamp_seconds")
        )
    }

    func hadContact() { contact.record(Int64(time(nil))) }
}
