import Cluster
import Settings

/// Where `--ring` gets the workers from.
enum RingSource: Equatable, Sendable {
    /// A file that lists them.
    case file(String)

    /// The workers of the live cluster, wherever the settings know them from.
    case cluster

    /// The word that stands for the workers of a live cluster; no file is meant by it.
    private static let liveCluster = "etcd"

    /// Reads the argument of `--ring`.
    /// - Throws: A usage ``Failure`` for a word that names no file.
    init(argument: String) throws(Failure) {
        guard !argument.isEmpty else {
            throw .usage("--ring needs the name of a file that lists the workers")
        }
        // A file of that name is ./etcd.
        self = argument == Self.liveCluster ? .cluster : .file(argument)
    }

    /// The ring.
    /// - Parameters:
    ///   - virtualNodes: How many each worker has; nil for what the settings of a live cluster say, and for
    ///     ``HashRing/virtualNodesDefault`` of a file.
    ///   - arguments: The settings, read for a live cluster only.
    /// - Returns: The ring; without members if there are none.
    /// - Throws: A ``Failure`` that names the source and what is wrong with it.
    func ring(virtualNodes: Int?, _ arguments: SettingsArguments) throws(Failure) -> HashRing {
        switch self {
        case .file(let path):
            let count = virtualNodes ?? HashRing.virtualNodesDefault
            let workers = try RingFile.workers(at: path)
            return HashRing(members: workers.map { HashRing.Member($0, virtualNodes: count) })
        case .cluster:
            return try ClusterAccess(arguments.read().settings).view(virtualNodes: virtualNodes).ring
        }
    }
}
