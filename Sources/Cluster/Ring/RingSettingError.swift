/// Why a ring cannot be built as configured; the description names the setting and the remedy.
public enum RingSettingError: Error, Hashable, CustomStringConvertible {
    /// A policy that exists, but that is not the ring's.
    case otherPolicy(String)
    /// A policy that nobody knows.
    case unknownPolicy(String)
    /// Neither `DEFAULT` nor `CAPACITY`.
    case unknownProvider(String)
    /// A number of virtual nodes that is not 1...``HashRing/virtualNodesMaximum``.
    case countOutOfRange(Int)
    /// `CAPACITY` is asked for, and this worker does not say how much it can cache.
    case capacityUnknown(WorkerIdentity)

    /// One line: what is wrong, and what to set instead.
    public var description: String {
        switch self {
        case .otherPolicy(let name):
            "\(Self.policy)=\(name) is not supported; set CONSISTENT_HASH here and in all clients and workers"
                + " of the cluster (cached files then move to other workers)"
        case .unknownPolicy(let name):
            "\(Self.policy)=\(name) is no policy; set CONSISTENT_HASH"
        case .unknownProvider(let name):
            "\(Self.provider)=\(name) is no provider of virtual nodes; set DEFAULT, or CAPACITY"
        case .countOutOfRange(let count):
            "\(count) virtual nodes for each worker are not possible; set \(Self.count) to"
                + " 1...\(HashRing.virtualNodesMaximum), the same as in all clients of the cluster"
        case .capacityUnknown(let worker):
            "\(Self.provider)=CAPACITY needs the capacity of every worker, and \(worker) does not say"
                + " its own; set DEFAULT, or run workers that register their capacity"
        }
    }

    private static let policy = "alluxio.user.worker.selection.policy.type"
    private static let provider = "\(consistent).provider.impl"
    private static let count = "\(consistent).virtual.node.count.per.worker"
    private static let consistent = "alluxio.user.worker.selection.policy.consistent.hash"
}
