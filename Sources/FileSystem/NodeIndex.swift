/// What a ``NodeIndex`` is ordered by.
protocol NodeKey {
    /// The hash under which a node is filed.
    static func hash(of node: Node) -> UInt64
}

/// Files nodes by their number.
enum IdentityKey: NodeKey {
    /// Numbers are handed out in order; the multiplication spreads them.
    static func hash(of id: NodeID) -> UInt64 {
        let product = id &* 0x9E37_79B9_7F4A_7C15
        return product ^ product >> 32
    }
    static func hash(of node: Node) -> UInt64 { hash(of: node.id) }
}

/// Files nodes by the hash of their path.
enum PathKey: NodeKey {
    static func hash(of node: Node) -> UInt64 { node.pathHash }
}

/// A hash set of nodes that costs 9 bytes a slot: open addressing, linear probing, a byte of each hash beside
/// the slots so that a probe touches few nodes.
struct NodeIndex<Key: NodeKey> {
    private var slots: [Node?]
    private var tags: [UInt8]
    private(set) var count = 0
    private static var smallest: Int { 64 }

    init() {
        slots = Array(repeating: nil, count: Self.smallest)
        tags = Array(repeating: 0, count: Self.smallest)
    }

    /// The node that is filed under a hash and satisfies `isIt`.
    func find(_ hash: UInt64, where isIt: (Node) -> Bool) -> Node? {
        guard let slot = slot(of: hash, where: isIt) else { return nil }
        return slots[slot]
    }

    /// Files a node that is not in the index.
    mutating func insert(_ node: Node) {
        if (count + 1) * 8 > slots.count * 7 { resize(to: slots.count * 2) }
        place(node)
        count += 1
    }

    /// Takes a node out, if it is there.
    mutating func remove(_ node: Node) {
        guard var hole = slot(of: Key.hash(of: node), where: { $0 === node }) else { return }
        count -= 1
        let mask = slots.count - 1
        var next = (hole + 1) & mask
        // Moves up what probed past the hole, so that no tombstones are needed.
        while let candidate = slots[next] {
            let home = Int(truncatingIfNeeded: Key.hash(of: candidate) >> 8) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = candidate
                tags[hole] = tags[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = nil
        tags[hole] = 0
        if slots.count > Self.smallest, count * 8 < slots.count { resize(to: slots.count / 2) }
    }

    /// Runs `body` on every node, in no order.
    func forEach(_ body: (Node) -> Void) {
        for case let node? in slots { body(node) }
    }

    private func slot(of hash: UInt64, where isIt: (Node) -> Bool) -> Int? {
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash >> 8) & mask
        let tag = Self.tag(hash)
        while tags[index] != 0 {
            if tags[index] == tag, let node = slots[index], Key.hash(of: node) == hash, isIt(node) {
                return index
            }
            index = (index + 1) & mask
        }
        return nil
    }

    /// Never 0, which marks an empty slot.
    private static func tag(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash) | 1 }

    private mutating func place(_ node: Node) {
        let hash = Key.hash(of: node)
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash >> 8) & mask
        while tags[index] != 0 { index = (index + 1) & mask }
        slots[index] = node
        tags[index] = Self.tag(hash)
    }

    private mutating func resize(to capacity: Int) {
        let old = slots
        slots = Array(repeating: nil, count: capacity)
        tags = Array(repeating: 0, count: capacity)
        for case let node? in old { place(node) }
    }
}
