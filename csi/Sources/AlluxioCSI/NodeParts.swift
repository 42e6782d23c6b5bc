import CoreMetrics
import Kubernetes
import Logging
import Node
import Synchronization
import Threading
import Volumes

extension NodeCommand {
    /// The parts of a node plugin, put together.
    func makeVolumes() throws -> WatchedVolumes {
        let places = NodePlaces(mounts: mounts, kubelet: kubelet)
        let files = try StateFiles(places: places)
        let access = server.cluster
        var options = NodeVolumes.Options()
        options.rules.allowsLocalStores = allowsLocalStores
        options.rules.allowsDriverIdentityInline = allowsDriverIdentityInline
        options.servingDeadline = .seconds(max(1, servingSeconds))
        let clusters: any ClusterProperties
        do throws(KubernetesError) {
            clusters = KubernetesClusters(try access.client())
        } catch {
            guard mode == .process else { throw error }
            clusters = NoClusters(reason: error.description)
        }
        let volumes = NodeVolumes(
            files: files,
            mounts: Mounts(),
            runner: try makeRunner(files, access),
            clusters: clusters,
            options: options,
            logger: Logger(label: "volumes")
        )
        return WatchedVolumes(volumes)
    }

    private func makeRunner(_ files: StateFiles, _ access: ClusterAccess) throws -> any DaemonRunner {
        let logger = Logger(label: "keeper")
        switch mode {
        case .pod:
            let pods = PodDaemons(try access.client(), namespace: namespace, node: node)
            return PodRunner(pods: pods, files: files, logger: logger)
        case .process:
            var keeping = Keeper.Options()
            keeping.program = program
            keeping.cacheDirectory = cache
            return ProcessDaemons(files: files, options: keeping, logger: logger)
        }
    }
}

/// Where there is no API server, as on a node without Kubernetes.
private struct NoClusters: ClusterProperties {
    let reason: String

    func properties(namespace: String, cluster: String) throws(VolumeError) -> String {
        throw VolumeError(
            .unavailable,
            "nobody can be asked for the cluster '\(namespace)/\(cluster)': \(reason)"
        )
    }
}

/// Volumes that are looked at once a second, and whether that goes on.
final class WatchedVolumes: Sendable {
    let volumes: NodeVolumes
    private let lastLook = Atomic(systemClock())
    private let isChecking = Atomic(false)

    private static let stalledNanoseconds: Int64 = 30_000_000_000

    init(_ volumes: NodeVolumes) { self.volumes = volumes }

    /// Whether nobody has looked for half a minute.
    var hasStalled: Bool { systemClock() - lastLook.load(ordering: .relaxed) > Self.stalledNanoseconds }

    /// Repairs targets.
    func repair() { volumes.repair() }

    /// Repairs, and starts and ends daemons on a thread of its own, for ends are waited for.
    func tick() {
        lastLook.store(systemClock(), ordering: .relaxed)
        volumes.repair()
        report()
        guard !isChecking.exchange(true, ordering: .acquiringAndReleasing) else { return }
        do {
            try NamedThread.start("check") { [self] in
                volumes.check()
                isChecking.store(false, ordering: .releasing)
            }
        } catch {
            isChecking.store(false, ordering: .releasing)
        }
    }

    /// Shows how much there is.
    func report() {
        let counts = volumes.counts
        Meter(label: "alluxio_csi_volumes").set(counts.volumes)
        Meter(label: "alluxio_csi_targets").set(counts.targets)
        Meter(label: "alluxio_csi_probes_hung").set(volumes.hungCount)
        for state in [DaemonStatus.State.starting, .serving, .failed] {
            Meter(label: "alluxio_csi_daemons", dimensions: [("state", state.rawValue)])
                .set(counts.daemons[state] ?? 0)
        }
    }
}
