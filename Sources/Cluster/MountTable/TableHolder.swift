import CoreMetrics
import Logging
import Synchronization

/// The mount table of the moment, and who wants to know of the next one.
///
/// One thread at a time gives it tables; any thread may ask.
final class TableHolder: Sendable {
    private struct State {
        var table = MountTable.empty
        var listeners: [@Sendable (MountTable) -> Void] = []
    }

    private let state = Mutex(State())
    private let logger: Logger
    private let mounts = Gauge(label: "alluxio_fuse_mount_table_mounts")
    private let skipped = Gauge(label: "alluxio_fuse_mount_table_skipped_entries")

    init(_ logger: Logger) { self.logger = logger }

    var table: MountTable { state.withLock { $0.table } }

    func add(_ listener: @escaping @Sendable (MountTable) -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    func take(_ documents: MountDocuments) {
        skipped.record(documents.skipped.count)
        for (key, reason) in documents.skipped.prefix(8) {
            logger.warning("a mount in etcd is skipped", metadata: ["key": "\(key)", "reason": "\(reason)"])
        }
        take(documents.table)
    }

    func take(_ table: MountTable) {
        mounts.record(table.entries.count)
        let listeners: [@Sendable (MountTable) -> Void] = state.withLock { state in
            guard state.table != table else { return [] }
            state.table = table
            return state.listeners
        }
        for listener in listeners { listener(table) }
    }
}
