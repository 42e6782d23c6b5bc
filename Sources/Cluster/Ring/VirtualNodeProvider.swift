/// A worker that is to come onto a ring.
public struct RingCandidate: Hashable, Sendable {
    /// Who it is.
    public let identity: WorkerIdentity
    /// How many bytes it can cache, if it says so: our additive field of the registration.
    public let capacityBytes: Int64?

    /// A worker that is to come onto a ring.
    /// - Parameters:
    ///   - identity: Who it is.
    ///   - capacityBytes: How many bytes it can cache; nil if it does not say.
    public init(_ identity: WorkerIdentity, capacityBytes: Int64? = nil) {
        self.identity = identity
        self.capacityBytes = capacityBytes
    }
}

/// How many virtual nodes each worker gets:
/// `alluxio.user.worker.selection.policy.consistent.hash.provider.impl`.
public enum VirtualNodeProvider: Hashable, Sendable {
    /// `DEFAULT`: every worker the configured number.
    case equal
    /// `CAPACITY`: in proportion to what a worker can cache; the mean worker has the configured number.
    case capacity

    /// The provider with a name.
    /// - Parameter name: `DEFAULT` or `CAPACITY`, of either case.
    /// - Throws: ``RingSettingError/unknownProvider(_:)``.
    public init(name: String) throws(RingSettingError) {
        switch name.uppercased() {
        case "DEFAULT": self = .equal
        case "CAPACITY": self = .capacity
        default: throw .unknownProvider(name)
        }
    }

    /// Weighs workers for a ring.
    ///
    /// `CAPACITY` gives count · capacity / mean capacity, rounded to the nearest number (halves up) in exact
    /// arithmetic, so that every client comes to the same one; at least 1.
    /// - Parameters:
    ///   - candidates: The workers, each once, in any order.
    ///   - count: The configured number of virtual nodes, 1...``HashRing/virtualNodesMaximum``.
    /// - Returns: A member for each candidate, in the same order.
    /// - Throws: ``RingSettingError/countOutOfRange(_:)``; under `CAPACITY`
    ///   ``RingSettingError/capacityUnknown(_:)`` for the first worker without a capacity of at least 1 byte.
    public func members(
        of candidates: [RingCandidate],
        count: Int = HashRing.virtualNodesDefault
    ) throws(RingSettingError) -> [HashRing.Member] {
        guard (1...HashRing.virtualNodesMaximum).contains(count) else { throw .countOutOfRange(count) }
        guard self == .capacity else {
            return candidates.map { HashRing.Member($0.identity, virtualNodes: count) }
        }
        var capacities: [UInt128] = []
        for candidate in candidates {
            guard let capacity = candidate.capacityBytes, capacity > 0 else {
                throw .capacityUnknown(candidate.identity)
            }
            capacities.append(UInt128(capacity))
        }
        let total = capacities.reduce(0, +)
        return zip(candidates, capacities).map { candidate, capacity in
            let doubled = 2 * capacity * UInt128(count) * UInt128(capacities.count)
            let nodes = (doubled + total) / (2 * total)
            return HashRing.Member(candidate.identity, virtualNodes: max(1, Int(nodes)))
        }
    }
}
