import Kubernetes
package import Logging
import Synchronization
import Threading
package import Volumes

/// Daemons in pods of their own: the plugin may restart without anybody noticing.
package final class PodRunner: DaemonRunner {
    private static let callDeadline = Duration.seconds(10)
    private static let collectEvery = Duration.seconds(60)

    private let pods: PodDaemons
    private let files: StateFiles
    private let logger: Logger
    private let collectAt = Mutex(ContinuousClock.now)

    /// Prepares to run daemons.
    /// - Parameters:
    ///   - pods: The pods of this node.
    ///   - files: The state of the node, which a pod's container sees under the same paths.
    ///   - logger: Where failures go that nobody waits for.
    package init(pods: PodDaemons, files: StateFiles, logger: Logger) {
        (self.pods, self.files, self.logger) = (pods, files, logger)
    }

    /// Asks nobody if the daemon serves already.
    package func start(_ specification: DaemonSpecification) throws(VolumeError) {
        if files.status(of: specification.key)?.state == .serving,
            MountInfoTable.current().top(at: specification.mountPoint)?.isOurs == true
        {
            return
        }
        do throws(PodDaemonError) {
            _ = try pods.ensure(
                pod(of: specification.key, specification.cluster),
                directory: files.places.daemonDirectory(specification.key),
                by: .now + Self.callDeadline
            )
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

    /// Once a minute, makes pods that somebody has taken away and deletes those that nobody needs.
    package func check(_ wanted: [DaemonSpecification]) {
        let isDue = collectAt.withLock { next in
            guard next <= .now else { return false }
            next = .now + Self.collectEvery
            return true
        }
        guard isDue else { return }
        do throws(PodDaemonError) {
            let there = try pods.all(by: .now + Self.callDeadline)
            // Looked at after the list: what was wanted meanwhile has a pod in it, or will get one.
            let keys = Set(files.keys().filter { files.specification(of: $0) != nil })
            for (pod, _) in there where !keys.contains(pod.key) {
                try pods.remove(pod, waits: false, by: .now + Self.callDeadline)
            }
            let kept = Set(there.filter { $0.key.verdict(on: $0.value) == .keeps }.map(\.key.key))
            for specification in wanted where !kept.contains(specification.key) { try make(specification) }
        } catch {
            logger.error("the daemons' pods cannot be looked at", metadata: ["reason": "\(error)"])
        }
    }

    private func make(_ specification: DaemonSpecification) throws(PodDaemonError) {
        logger.notice("a daemon's pod is made anew", metadata: ["key": "\(specification.key)"])
        _ = try pods.ensure(
            pod(of: specification.key, specification.cluster),
            directory: files.places.daemonDirectory(specification.key),
            by: .now + Self.callDeadline
        )
    }

    private func pod(of key: String, _ cluster: String? = nil) -> DaemonPod {
        DaemonPod(key: key, node: pods.node, cluster: cluster)
    }
}
