import Metadata
import SeededRandom
import Testing

@testable import FileSystem

/// The hash set of nodes.
struct NodeIndexTests {
    /// Every node under one of few hashes.
    enum CollidingKey: NodeKey {
        static func hash(of node: Node) -> UInt64 { node.id % 7 << 8 | 3 }
    }

    static func node(_ id: NodeID) -> Node {
        Node(
            id: id,
            parent: nil,
            name: UnsafeRawBufferPointer(start: nil, count: 0),
            pathHash: id,
            attributes: .directory
        )
    }

    static func check<Key: NodeKey>(_ type: Key.Type, seed: UInt64, ids: Int) {
        var random = SeededGenerator(seed: seed)
        var index = NodeIndex<Key>()
        var model: [NodeID: Node] = [:]
        for _ in 0..<5000 {
            let id = NodeID(Int.random(in: 2..<ids, using: &random))
            if let known = model[id] {
                #expect(index.find(Key.hash(of: known)) { $0.id == id } === known, "seed \(seed)")
                index.remove(known)
                model[id] = nil
                #expect(index.find(Key.hash(of: known)) { $0.id == id } == nil, "seed \(seed)")
            } else {
                let node = node(id)
                model[id] = node
                index.insert(node)
            }
            #expect(index.count == model.count)
        }
        for (id, node) in model {
            #expect(index.find(Key.hash(of: node)) { $0.id == id } === node, "seed \(seed)")
        }
        var seen = 0
        index.forEach { _ in seen += 1 }
        #expect(seen == model.count)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func insertionsAndRemovalsMatchADictionary(seed: UInt64) {
        Self.check(IdentityKey.self, seed: seed, ids: 3000)
        Self.check(CollidingKey.self, seed: seed, ids: 40)
    }
}
