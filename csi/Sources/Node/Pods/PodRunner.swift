import Kubernetes
package import Logging
import Synchronization
import Threading
package import Volumes

/// Daemons in pods of their own: the plugin may restart without anybody noticing.
///
/// Any thread may call; ``check(_:)`` is one thread's at a time.
package final class PodRunner: DaemonRunner {
    private static let callDeadline = Duration.seconds(10)
    /// How long one look at the node's pods may take, all that follows from it included.
    private static let lookDeadline = Duration.seconds(60)
    /// The pause after a look that failed.
    private static let failurePause = Duration.seconds(5)

    private struct Looks {
        /// Pods that nobody wanted at the last look.
        var strays: Set<DaemonPod> = []
        /// Not before then is looked again.
        var next = ContinuousClock.now
    }

    private let pods: PodDaemons
    private let files: StateFiles
    private let logger: Logger
    private let watch: PodWatch
    private let looks = Mutex(Looks())

    /// Prepares to run daemons, and begins to watch the node's pods on a thread of its own.
    /// - Parameters:
    ///   - pods: The pods of this node.
    ///   - files: The state of the node, which a pod's container sees under the same paths.
    ///   - logger: Where failures go that nobody waits for.
    package init(pods: PodDaemons, files: StateFiles, logger: Logger) {
        (self.pods, self.files, self.logger) = (pods, files, logger)
        watch = PodWatch(pods)
        watch.start()
    }

    deinit { watch.stop() }

    /// Asks nobody if the daemon serves already.
    package func start(_ specification: DaemonSpecification) throws(VolumeError) {
        if files.status(of: specification.key)?.state == .serving,
            MountInfoTable.current().top(at: specification.mountPoint)?.isOurs == true
        {
            return
        }
        do throws(PodDaemonError) {
            _ = try ensure(specification, by: .now + Self.callDeadline)
        } catch {
            throw VolumeError(.unavailable, "no pod for the daemon: \(error)")
        }
    }

    package func stop(_ key: String, within deadline: Duration) -> Bool {
        do throws(PodDaemonError) {
            try pods.remove(pod(of: key), waits: true, by: .now + deadline)
            return true
        } catch {
            logger.warning("a daemon's pod is not gone", metadata: ["key": "\(key)", "reason": "\(error)"])
            return false
        }
    }

    package func trouble(of key: String) -> String? {
        do throws(PodDaemonError) {
            _ = try pods.waitUntilRunning(pod(of: key), by: .now + .milliseconds(500))
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// If something has happened to a pod of this node, makes those that are missing, and deletes those that
    /// nobody has needed for two looks.
    package func check(_ wanted: [DaemonSpecification]) {
        guard looks.withLock({ $0.next <= .now }), watch.takeNeed() else { return }
        do throws(PodDaemonError) {
            try look(wanted)
        } catch {
            looks.withLock { $0.next = .now + Self.failurePause }
            watch.need()
            logger.error("the daemons' pods cannot be looked after", metadata: ["reason": "\(error)"])
        }
    }

    private func look(_ wanted: [DaemonSpecification]) throws(PodDaemonError) {
        let deadline = ContinuousClock.now + Self.lookDeadline
        let there = try pods.all(by: deadline)
        let kept = Set(there.filter { $0.key.verdict(on: $0.value) == .keeps }.map(\.key.key))
        for specification in wanted where !kept.contains(specification.key) {
            // Not again if its last volume has gone meanwhile.
            guard files.specification(of: specification.key) != nil else { continue }
            logger.notice("a daemon's pod is made anew", metadata: ["key": "\(specification.key)"])
            _ = try ensure(specification, by: deadline)
        }
        try removeStrays(of: there, by: deadline)
    }

    /// One look can come between the making of a pod and the record of who wants it, or while its last volume
    /// goes; the second look in a row deletes.
    private func removeStrays(
        of there: [DaemonPod: Pod],
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) {
        let strays = Set(
            there.filter { daemon, pod in
                !pod.metadata.isTerminating && files.specification(of: daemon.key) == nil
            }.keys
        )
        let before = looks.withLock { looks in
            defer { looks.strays = strays }
            return looks.strays
        }
        if !strays.isEmpty { watch.need() }
        for daemon in strays.intersection(before) {
            try pods.remove(daemon, waits: false, by: deadline)
            logger.notice("a pod that no volume uses is deleted", metadata: ["pod": "\(daemon.name)"])
        }
    }

    private func ensure(
        _ specification: DaemonSpecification,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) -> Pod {
        try pods.ensure(
            pod(of: specification.key, specification.cluster),
            directory: files.places.daemonDirectory(specification.key),
            by: deadline
        )
    }

    private func pod(of key: String, _ cluster: String? = nil) -> DaemonPod {
        DaemonPod(key: key, node: pods.node, cluster: cluster)
    }
}
