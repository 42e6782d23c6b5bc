import Metadata
import Pages
import Synchronization

/// Every node that the kernel holds a reference to or that is open.
///
/// With ``Handles``, the only home of such state.
///
/// A node is one version: a lookup that finds a version under a path that somebody else made gets a new node
/// with a new number, and the old one stays for those who have it open. What this mount commits stays the
/// same
/// node (`InodeTable+Changes.swift`). Numbers are never used again. One lock, held for
/// some 100 ns: no call waits, asks the namespace or runs a caller's code under it. Any thread may call.
final class InodeTable: Sendable {
    /// The number of the root.
    static let rootID: NodeID = 1

    /// What a node looks like at one moment.
    struct Snapshot: Sendable {
        let node: Node
        let size: Int64
        let modified: Int64
        let native: POSIXAttributes?
        let flags: NodeFlags
        let validated: Int64
    }

    struct State {
        var nodes = NodeIndex<IdentityKey>()
        /// The current version under each path.
        var current = NodeIndex<PathKey>()
        /// Further names of files that have several, by the hash of the path.
        var aliases: [UInt64: Alias] = [:]
        /// Files with several names, by their inode number.
        var linked: [UInt64: Node] = [:]
        /// What this mount has made of files with several names, by their inode number; nil: not known.
        var changedLinks: [UInt64: Attributes?] = [:]
        var nextID: NodeID = InodeTable.rootID + 1
    }

    /// One more name of a file.
    struct Alias {
        let parent: Node
        let name: [UInt8]
        let node: Node
    }

    let root: Node
    let nodesMaximum: Int
    let state: Mutex<State>

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

    /// A directory, and its path with `name` appended.
    func child(
        _ name: UnsafeRawBufferPointer,
        of parent: NodeID
    ) throws(FileSystemError) -> (directory: Node, path: RelativePath) {
        let (directory, path) = try state.withLock { state throws(FileSystemError) -> (Node, [UInt8]) in
            guard let node = state.node(parent) else { throw .stale }
            guard node.kind == .directory else { throw .notDirectory }
            return (node, node.path())
        }
        return (directory, RelativePath(bytes: path).appending(name))
    }

    /// The hash of a directory's path, and what is above it.
    func place(of directory: Node) -> (hash: UInt64, parent: Node) {
        state.withLock { _ in (directory.pathHash, directory.parent ?? directory) }
    }

    /// What version of its file a node is.
    func version(of node: Node) -> (etag: ETag?, size: Int64) {
        state.withLock { _ in (node.etag, node.size) }
    }

    /// Whether a node is the version that `attributes` describe, or one that this mount is changing.
    func isVersion(_ node: Node, of attributes: Attributes) -> Bool {
        state.withLock { _ in node.answers(to: attributes) }
    }

    /// The node for what a name stands for now, with one more kernel reference.
    /// - Parameters:
    ///   - name: One component.
    ///   - directory: Where it was found.
    ///   - attributes: What the namespace says.
    ///   - validated: When the store was asked for this very name; nil: it was not.
    /// - Returns: The node of the same version if there is one, else a new node, which replaces the other.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func resolve(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        as attributes: Attributes,
        validated: Int64?
    ) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            if let known = state.find(name, in: directory) {
                if known.answers(to: attributes) { return Self.take(known, attributes, validated) }
                state.detach(name, in: directory, from: known)
            }
            if let linked = state.linkedNode(as: attributes) {
                state.addAlias(name, in: directory, to: linked)
                return Self.take(linked, attributes, validated)
            }
            return try add(name, directory, attributes, validated, &state)
        }
    }

    /// Like ``resolve(_:in:as:validated:)`` for an entry of a snapshot, which may be older than a
    /// lookup.
    /// - Returns: nil if the path's current node is another version: who is right must be asked.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func resolveListed(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        as attributes: Attributes
    ) throws(FileSystemError) -> Snapshot? {
        try state.withLock { state throws(FileSystemError) -> Snapshot? in
            if let known = state.find(name, in: directory) {
                return known.answers(to: attributes) ? Self.take(known, attributes, nil) : nil
            }
            if let linked = state.linkedNode(as: attributes) {
                state.addAlias(name, in: directory, to: linked)
                return Self.take(linked, attributes, nil)
            }
            return try add(name, directory, attributes, nil, &state)
        }
    }

    /// A node that is at no path: the answer of a pseudo command.
    func addCommand(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        size: Int64
    ) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            let attributes = Attributes(kind: .file, size: size, modified: 0, etag: nil)
            let node = try state.make(name, directory, attributes, nodesMaximum)
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
            guard node.answers(to: attributes) else {
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
        state.withLock { Self.entries(of: $0.nodes(atOrBelow: path)) }
    }

    /// Takes every node at or below a path, which leads to another store now, from its path: lookups make new
    /// nodes, and what is open stays what it was.
    /// - Returns: What the kernel may have entries of, as ``entries(atOrBelow:)`` gives it.
    func detach(atOrBelow path: RelativePath) -> [(parent: NodeID, name: [UInt8])] {
        state.withLock { state in
            let nodes = state.nodes(atOrBelow: path)
            let entries = Self.entries(of: nodes)
            for node in nodes { state.replace(node) }
            return entries
        }
    }

    private static func entries(of nodes: [Node]) -> [(parent: NodeID, name: [UInt8])] {
        nodes.compactMap { node in
            guard node.lookups > 0, let parent = node.parent, parent.flags.contains(.listed) else {
                return nil
            }
            return (parent.id, Array(node.name))
        }
    }

    static func take(_ node: Node, _ attributes: Attributes, _ validated: Int64?) -> Snapshot {
        node.lookups += 1
        node.update(from: attributes)
        if let validated { node.validated = validated }
        return Snapshot(of: node)
    }

    func add(
        _ name: UnsafeRawBufferPointer,
        _ directory: Node,
        _ attributes: Attributes,
        _ validated: Int64?,
        _ state: inout State
    ) throws(FileSystemError) -> Snapshot {
        let node = try state.make(name, directory, attributes, nodesMaximum)
        state.current.insert(node)
        state.noteLinks(of: node)
        node.lookups = 1
        if let validated { node.validated = validated }
        return Snapshot(of: node)
    }
}

extension InodeTable.Snapshot {
    init(of node: Node) {
        self.init(
            node: node,
            size: node.size,
            modified: node.modified,
            native: node.native,
            flags: node.flags,
            validated: node.validated
        )
    }
}

extension InodeTable.State {
    func node(_ id: NodeID) -> Node? {
        nodes.find(IdentityKey.hash(of: id)) { $0.id == id }
    }

    /// The current nodes at or below a path, the root aside.
    func nodes(atOrBelow path: RelativePath) -> [Node] {
        var found: [Node] = []
        current.forEach { node in
            guard node.parent != nil, RelativePath(bytes: node.path()).isAtOrBelow(path) else { return }
            found.append(node)
        }
        return found
    }

    mutating func make(
        _ name: UnsafeRawBufferPointer,
        _ directory: Node,
        _ attributes: Attributes,
        _ maximum: Int
    ) throws(FileSystemError) -> Node {
        guard nodes.count < maximum else {
            throw .tooMany("nodesMaximum: the kernel holds \(maximum) nodes; raise it")
        }
        let node = Node(
            id: nextID,
            parent: directory,
            name: name,
            pathHash: PathHash.child(name, of: directory.pathHash),
            attributes: attributes
        )
        nextID += 1
        node.flags.insert(.listed)
        nodes.insert(node)
        return node
    }

    mutating func replace(_ node: Node) {
        guard node.parent != nil, !node.flags.contains(.replaced) else { return }
        node.flags.insert(.replaced)
        current.remove(node)
        forgetLinks(of: node)
    }

    mutating func dropIfUnused(_ node: Node) {
        guard node.lookups == 0, node.opens == 0, node.parent != nil else { return }
        guard node.flags.contains(.listed) else { return }
        node.flags.remove(.listed)
        nodes.remove(node)
        current.remove(node)
        forgetLinks(of: node)
    }
}
