import CoreMetrics
import Logging
import Synchronization

/// The view of the moment, and who wants to know of the next one.
///
/// One thread at a time gives it members; any thread may ask.
final class ViewHolder: Sendable {
    private struct State {
        var view = ClusterView.unknown
        var listeners: [@Sendable (ClusterView) -> Void] = []
    }

    private let settings: RingSettings
    private let state = Mutex(State())
    private let logger: Logger
    private let live = Gauge(label: "alluxio_fuse_membership_workers", dimensions: [("state", "live")])
    private let lost = Gauge(label: "alluxio_fuse_membership_workers", dimensions: [("state", "lost")])
    private let invalid = Gauge(label: "alluxio_fuse_membership_invalid_entries")

    init(_ settings: RingSettings, _ logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    var view: ClusterView { state.withLock { $0.view } }
    var generation: UInt64 { state.withLock { $0.view.generation } }

    func add(_ listener: @escaping @Sendable (ClusterView) -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    func take(_ entries: MemberEntries) {
        invalid.record(entries.invalidKeys.count)
        for key in entries.invalidKeys.prefix(8) {
            logger.warning("a key of etcd holds no worker and is skipped", metadata: ["key": "\(key)"])
        }
        take(entries.members)
    }

    func take(_ members: [ClusterMember]) {
        let before = view
        guard before.generation == 0 || before.members != members else { return }
        // The ring is built outside the lock: it takes milliseconds for many workers.
        let view = ClusterView(after: before, members: members, settings: settings)
        let listeners = state.withLock { state in
            state.view = view
            return state.listeners
        }
        let liveCount = members.count { $0.state == .live }
        live.record(liveCount)
        lost.record(members.count - liveCount)
        tell(view, liveCount)
        for listener in listeners { listener(view) }
    }

    private func tell(_ view: ClusterView, _ liveCount: Int) {
        logger.info(
            "the workers of the cluster changed",
            metadata: [
                "live": "\(liveCount)", "lost": "\(view.members.count - liveCount)",
                "onRing": "\(view.ring.members.count)", "generation": "\(view.generation)",
            ]
        )
        guard let problem = view.ringProblem else { return }
        logger.error("the ring can't follow the workers", metadata: ["error": "\(problem)"])
    }
}
