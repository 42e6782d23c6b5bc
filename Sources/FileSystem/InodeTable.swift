import Metadata
import Pages
import Synchronization

/// Every node that the kernel holds a reference to or that is open.
///
/// With ``Handles``, the only home of such state.
///
/// A node is one version: a lookup that finds another version under a path makes a new node with a new
/// number, and the old one stays for those who have it open. Numbers are never used again. One lock, held for
/// some 100 ns: no call waits, asks the namespace or runs a caller's code under it. Any thread may call.
final class InodeTable: Sendable {
    /// The number of the root.
    static let rootID: NodeID = 1

    /// What a node looks like at one moment.
    struct Snapshot: Sendable {
        let node: Node
        let modified: Int64
        let native: POSIXAttributes?
        let flags: NodeFlags
        let validated: Int64
    }

    struct State {
        var nodes = NodeIndex<IdentityKey>()
        /// The current version under each path.
        var current = NodeIndex<PathKey>()
        var nextID: NodeID = InodeTable.rootID + 1
    }

    let root: Node
    private let nodesMaximum: Int
    private let state: Mutex<State>

    /// Makes a table that knows the root only.
    /// - Parameter nodesMaximum: The most nodes.
    init(nodesMaximum: Int) {
        self.nodesMaximum = nodesMaximum
        let root = Node(
            id: Self.rootID,
            parent: nil,
            name: UnsafeRawBufferPointer(start: nil, count: 0),
            pathHash: PathHash.root,
            attributes: Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        )
        self.root = root
        var state = State()
        root.flags.insert(.listed)
        state.nodes.insert(root)
        self.state = Mutex(state)
    }

    /// How many nodes there are, the root included.
    var count: Int { state.withLock { $0.nodes.count } }

    /// A node and its path.
    func find(_ id: NodeID) throws(FileSystemError) -> (snapshot: Snapshot, path: RelativePath) {
        try state.withLock { state throws(FileSystemError) in
            guard let node = state.node(id) else { throw .stale }
            return (Snapshot(of: node), RelativePath(bytes: node.path()))
        }
    }

    /// A directory, its path with `name` appended, and the hash of that.
    func child(
        _ name: UnsafeRawBufferPointer,
        of parent: NodeID
    ) throws(FileSystemError) -> (directory: Node, path: RelativePath, hash: UInt64) {
        let (directory, path) = try state.withLock { state throws(FileSystemError) -> (Node, [UInt8]) in
            guard let node = state.node(parent) else { throw .stale }
            guard node.kind == .directory else { throw .notDirectory }
            return (node, node.path())
        }
        return (
            directory, RelativePath(bytes: path).appending(name), PathHash.child(name, of: directory.pathHash)
        )
    }

    /// The node for what a name stands for now, with one more kernel reference.
    /// - Parameters:
    ///   - name: One component.
    ///   - directory: Where it was found.
    ///   - hash: The hash of the path.
    ///   - attributes: What the namespace says.
    ///   - validated: When the store was asked for this very name; nil: it was not.
    /// - Returns: The node of the same version if there is one, else a new node, which replaces the other.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func resolve(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        hash: UInt64,
        as attributes: Attributes,
        validated: Int64?
    ) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            let known = state.current.find(hash) { $0.hasPath(name, in: directory) }
            if let known, known.isVersion(of: attributes) {
                return Self.take(known, attributes, validated)
            }
            if let known { state.replace(known) }
            return try add(name, directory, hash, attributes, validated, &state)
        }
    }

    /// Like ``resolve(_:in:hash:as:validated:)`` for an entry of a snapshot, which may be older than a
    /// lookup.
    /// - Returns: nil if the path's current node is another version: who is right must be asked.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func resolveListed(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        hash: UInt64,
        as attributes: Attributes
    ) throws(FileSystemError) -> Snapshot? {
        try state.withLock { state throws(FileSystemError) -> Snapshot? in
            guard let known = state.current.find(hash, where: { $0.hasPath(name, in: directory) }) else {
                return try add(name, directory, hash, attributes, nil, &state)
            }
            return known.isVersion(of: attributes) ? Self.take(known, attributes, nil) : nil
        }
    }

    /// A node that is at no path: the answer of a pseudo command.
    func addCommand(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        hash: UInt64,
        size: Int64
    ) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            let attributes = Attributes(kind: .file, size: size, modified: 0, etag: nil)
            let node = try state.make(name, directory, hash, attributes, nodesMaximum)
            node.flags.formUnion([.command, .replaced])
            node.lookups = 1
            return Snapshot(of: node)
        }
    }

    /// Drops kernel references.
    func forget(_ id: NodeID, count: UInt64) {
        state.withLock { state in
            guard let node = state.node(id) else { return }
            node.lookups -= min(count, node.lookups)
            state.dropIfUnused(node)
        }
    }

    /// Counts a handle that is being opened.
    /// - Throws: ``FileSystemError/stale`` if the node is known to have been replaced or forgotten.
    func open(_ node: Node) throws(FileSystemError) {
        try state.withLock { _ throws(FileSystemError) in
            guard node.flags.contains(.listed) else { throw .stale }
            guard node.kind == .directory || !node.flags.contains(.replaced) else { throw .stale }
            node.opens += 1
        }
    }

    /// Uncounts a handle.
    func close(_ node: Node) {
        state.withLock { state in
            node.opens -= 1
            state.dropIfUnused(node)
        }
    }

    /// Notes that a node's path leads elsewhere now: opens are refused, and the next lookup makes a new node.
    func markReplaced(_ node: Node) {
        state.withLock { $0.replace(node) }
    }

    /// Notes what the store said of a node's name just now.
    /// - Returns: Whether the node is still what its name stands for.
    func validate(_ node: Node, against attributes: Attributes, at time: Int64) -> Bool {
        state.withLock { state in
            guard node.isVersion(of: attributes) else {
                state.replace(node)
                return false
            }
            node.update(from: attributes)
            node.validated = time
            return !node.flags.contains(.replaced)
        }
    }

    /// Takes over a directory's newer times.
    func refresh(_ node: Node, from attributes: Attributes) -> Snapshot {
        state.withLock { _ in
            if node.kind == attributes.kind { node.update(from: attributes) }
            return Snapshot(of: node)
        }
    }

    /// Notes that the kernel may hold pages of a node.
    func markRead(_ node: Node) {
        state.withLock { _ in _ = node.flags.insert(.wasRead) }
    }

    /// The nodes at or below a path that the kernel may have entries of, with the directory each was found
    /// in.
    func entries(atOrBelow path: RelativePath) -> [(parent: NodeID, name: [UInt8])] {
        state.withLock { state in
            var found: [(parent: NodeID, name: [UInt8])] = []
            state.current.forEach { node in
                guard node.lookups > 0, let parent = node.parent, parent.flags.contains(.listed) else {
                    return
                }
                guard Self.isAtOrBelow(node.path(), path.bytes) else { return }
                found.append((parent.id, Array(node.name)))
            }
            return found
        }
    }

    private static func isAtOrBelow(_ bytes: [UInt8], _ top: [UInt8]) -> Bool {
        if top.isEmpty { return true }
        guard bytes.starts(with: top) else { return false }
        return bytes.count == top.count || bytes[top.count] == UInt8(ascii: "/")
    }

    private static func take(_ node: Node, _ attributes: Attributes, _ validated: Int64?) -> Snapshot {
        node.lookups += 1
        node.update(from: attributes)
        if let validated { node.validated = validated }
        return Snapshot(of: node)
    }

    private func add(
        _ name: UnsafeRawBufferPointer,
        _ directory: Node,
        _ hash: UInt64,
        _ attributes: Attributes,
        _ validated: Int64?,
        _ state: inout State
    ) throws(FileSystemError) -> Snapshot {
        let node = try state.make(name, directory, hash, attributes, nodesMaximum)
        state.current.insert(node)
        node.lookups = 1
        if let validated { node.validated = validated }
        return Snapshot(of: node)
    }
}

extension InodeTable.Snapshot {
    fileprivate init(of node: Node) {
        self.init(
            node: node,
            modified: node.modified,
            native: node.native,
            flags: node.flags,
            validated: node.validated
        )
    }
}

extension InodeTable.State {
    fileprivate func node(_ id: NodeID) -> Node? {
        nodes.find(IdentityKey.hash(of: id)) { $0.id == id }
    }

    fileprivate mutating func make(
        _ name: UnsafeRawBufferPointer,
        _ directory: Node,
        _ hash: UInt64,
        _ attributes: Attributes,
        _ maximum: Int
    ) throws(FileSystemError) -> Node {
        guard nodes.count < maximum else {
            throw .tooMany("nodesMaximum: the kernel holds \(maximum) nodes; raise it")
        }
        let node = Node(id: nextID, parent: directory, name: name, pathHash: hash, attributes: attributes)
        nextID += 1
        node.flags.insert(.listed)
        nodes.insert(node)
        return node
    }

    fileprivate mutating func replace(_ node: Node) {
        guard node.parent != nil, !node.flags.contains(.replaced) else { return }
        node.flags.insert(.replaced)
        current.remove(node)
    }

    fileprivate mutating func dropIfUnused(_ node: Node) {
        guard node.lookups == 0, node.opens == 0, node.parent != nil else { return }
        guard node.flags.contains(.listed) else { return }
        node.flags.remove(.listed)
        nodes.remove(node)
        current.remove(node)
    }
}
