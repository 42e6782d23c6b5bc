/// Which worker has which file: the consistent-hash ring of the CONSISTENT policy.
///
/// An immutable value; any thread may ask it. Each member has as many points on a circle of 2^32 places as it
/// has virtual nodes, and a key belongs to the member of the next point. So a member that comes or goes
/// moves only the keys that become or were its own. Every client of a cluster must build the same ring,
/// bit for bit: `docs/ring.md` has the format.
///
/// Memory: 8 bytes for each point.
public struct HashRing: Sendable {
    /// A worker on the ring, and its weight.
    public struct Member: Hashable, Sendable {
        /// Who it is.
        public let identity: WorkerIdentity
        /// How many points it has on the ring; at least 1.
        public let virtualNodes: Int

        /// Puts a worker on a ring.
        /// - Parameters:
        ///   - identity: Who it is.
        ///   - virtualNodes: How many points it has; at least 1.
        public init(_ identity: WorkerIdentity, virtualNodes: Int = virtualNodesDefault) {
            precondition(virtualNodes >= 1, "a member has at least one virtual node")
            self.identity = identity
            self.virtualNodes = virtualNodes
        }
    }

    /// How many virtual nodes a worker has unless a property says otherwise.
    public static let virtualNodesDefault = 2000
    /// How many virtual nodes a property may ask for.
    public static let virtualNodesMaximum = 100_000
    /// How many attempts a lookup makes to find different workers.
    public static let attemptsMaximum = 100

    /// The members, each once, in ascending order of their names in etcd.
    public let members: [Member]
    /// The points in ascending order, each place once.
    let positions: [Int32]
    /// Whose each point is: an index into ``members``.
    let owners: [UInt32]

    /// Builds a ring.
    ///
    /// Where points of several members fall on one place, it goes to the member with the greatest name, as
    /// in clients that insert members in the order of etcd.
    /// - Parameter members: In any order. One that comes twice counts once, with the larger number of
    ///   virtual nodes. Without members, every lookup finds nothing.
    public init(members: [Member]) {
        let members = Self.distinct(members)
        let points = Self.sortedPoints(of: members)
        self.members = members
        positions = points.map(Self.position)
        owners = points.map { UInt32(truncatingIfNeeded: $0) }
    }

    /// The workers of a key, the preferred one first.
    ///
    /// The only allocation is the result.
    /// - Parameters:
    ///   - key: What is looked up.
    ///   - count: How many different workers are wanted; nothing is found for 0 or less.
    /// - Returns: At most `count` workers. Fewer if the ring has fewer, or if ``attemptsMaximum`` attempts
    ///   found no more; none on an empty ring.
    public func workers(for key: RingKey, count: Int) -> [WorkerIdentity] {
        let wanted = min(count, members.count, Self.attemptsMaximum)
        guard wanted > 0 else { return [] }
        var found: [WorkerIdentity] = []
        found.reserveCapacity(wanted)
        for attempt in 1...Self.attemptsMaximum {
            let index = successor(of: key.position(attempt: attempt))
            let identity = members[Int(owners[index])].identity
            guard !found.contains(identity) else { continue }
            found.append(identity)
            if found.count == wanted { break }
        }
        return found
    }

    /// The workers of a key given as bytes, the preferred one first.
    /// - Parameters:
    ///   - key: The bytes of the key: the whole UFS URI.
    ///   - count: How many different workers are wanted.
    /// - Returns: As for a ``RingKey``.
    public func workers(for key: [UInt8], count: Int) -> [WorkerIdentity] {
        workers(for: RingKey(key), count: count)
    }

    /// The part of all keys whose first choice each member is: the exact length of its arcs, of 1 in all.
    ///
    /// Counted anew at each call. A member that lost every point to others has 0.
    public var shares: [WorkerIdentity: Double] {
        var places = [Int64](repeating: 0, count: members.count)
        for index in positions.indices {
            let isFirst = index == 0
            let before = Int64(positions[isFirst ? positions.count - 1 : index - 1])
            places[Int(owners[index])] += Int64(positions[index]) - before + (isFirst ? 1 << 32 : 0)
        }
        let shares = zip(members, places).map { ($0.identity, Double($1) / 0x1p32) }
        return Dictionary(uniqueKeysWithValues: shares)
    }

    /// The index of the smallest point that is not before a place; the first one if there is none.
    func successor(of place: Int32) -> Int {
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low == positions.count ? 0 : low
    }
}

extension HashRing {
    private static func distinct(_ members: [Member]) -> [Member] {
        var kept: [WorkerIdentity: Member] = [:]
        for member in members
        where kept[member.identity].map({ $0.virtualNodes < member.virtualNodes }) ?? true {
            kept[member.identity] = member
        }
        return kept.values.sorted { $0.identity < $1.identity }
    }

    /// Place and owner of every point as one number, ascending: 32 bits of the place, then 32 of the owner.
    private static func sortedPoints(of members: [Member]) -> [UInt64] {
        var points: [UInt64] = []
        points.reserveCapacity(members.reduce(0) { $0 + $1.virtualNodes })
        for (owner, member) in members.enumerated() {
            var prefix = MurmurHash3()
            prefix.update(member.identity.ringPrefix)
            for node in 0..<member.virtualNodes {
                var hash = prefix
                hash.update(littleEndian: UInt32(node))
                points.append(point(hash.value, owner: owner))
            }
        }
        points.sort()
        return lastOfEachPlace(points)
    }

    /// Of points on one place, the last has the greatest owner: the member that was inserted last.
    private static func lastOfEachPlace(_ points: [UInt64]) -> [UInt64] {
        var kept: [UInt64] = []
        kept.reserveCapacity(points.count)
        for (index, point) in points.enumerated() {
            let isLast = index + 1 == points.count || points[index + 1] >> 32 != point >> 32
            if isLast { kept.append(point) }
        }
        return kept
    }

    /// With its sign bit turned, a signed place is ordered as an unsigned one.
    private static let signBit: UInt32 = 1 << 31

    private static func point(_ position: Int32, owner: Int) -> UInt64 {
        UInt64(UInt32(bitPattern: position) ^ signBit) << 32 | UInt64(owner)
    }

    private static func position(_ point: UInt64) -> Int32 {
        Int32(bitPattern: UInt32(point >> 32) ^ signBit)
    }
}
