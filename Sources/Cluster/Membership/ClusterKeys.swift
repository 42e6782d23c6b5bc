/// The keys of one cluster in etcd; `docs/membership.md` lists them.
public struct ClusterKeys: Hashable, Sendable {
    /// The name of a cluster that was not given one.
    public static let defaultCluster = "DefaultAlluxioCluster"

    /// The cluster's name.
    public let cluster: String

    /// The keys of a cluster.
    /// - Parameter cluster: `alluxio.cluster.name`.
    /// - Throws: ``MembershipError/invalid(_:)`` if the name is empty or has a slash or a control character.
    public init(cluster: String = defaultCluster) throws(MembershipError) {
        guard !cluster.isEmpty,
            cluster.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") })
        else {
            throw .invalid(
                "\(cluster.debugDescription) is no name of a cluster; set alluxio.cluster.name to a word"
                    + " without slashes and blanks"
            )
        }
        self.cluster = cluster
    }

    /// Under which every registered worker has a key, live or not.
    public var registeredPrefix: String { "/DHT/\(cluster)/AUTHORIZED/" }
    /// Under which every live worker has a key.
    ///
    /// With the slash at the end, so that cluster `a` does not see the workers of cluster `ab`.
    public var livePrefix: String { "/ServiceDiscovery/\(cluster)/" }
    /// Under which every mounted store has a key; a layout of ours.
    public var mountPrefix: String { "/AlluxioMount/\(cluster)/" }

    /// The key that says that a worker is registered.
    /// - Parameter worker: Who.
    /// - Returns: The key.
    public func registered(_ worker: WorkerIdentity) -> String { registeredPrefix + worker.entityName }

    /// The key that says that a worker is alive.
    /// - Parameter worker: Who.
    /// - Returns: The key.
    public func live(_ worker: WorkerIdentity) -> String { livePrefix + worker.entityName }
}
