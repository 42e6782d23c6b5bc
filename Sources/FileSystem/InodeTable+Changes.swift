import Metadata
import Pages
import Synchronization

/// What this mount changes: the node stays, its facts change.
extension InodeTable {
    /// What became of a node whose name was removed.
    struct Removal {
        let node: Node
        /// Whether the file has another name.
        let hasOtherName: Bool
        /// Whether it is open or mapped, so that its bytes are still needed.
        let isOpen: Bool
    }

    /// The node that the kernel knows under a name, without another reference; nil if there is none.
    func known(_ name: UnsafeRawBufferPointer, in directory: Node) -> Snapshot? {
        state.withLock { state in state.find(name, in: directory).map { Snapshot(of: $0) } }
    }

    /// The node for a name that this mount has just made, with one kernel reference.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func create(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        as attributes: Attributes,
        isPending: Bool
    ) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            if let known = state.find(name, in: directory) {
                state.detach(name, in: directory, from: known)
            }
            let node = try state.make(name, directory, attributes, nodesMaximum)
            state.current.insert(node)
            node.lookups = 1
            node.flags.insert(.ownTimes)
            if isPending { node.flags.insert(.changing) }
            return Snapshot(of: node)
        }
    }

    /// A node that is at no path yet, with one kernel reference.
    func createUnnamed(in directory: Node, as attributes: Attributes) throws(FileSystemError) -> Snapshot {
        try state.withLock { state throws(FileSystemError) in
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            let node = try state.make(nothing, directory, attributes, nodesMaximum)
            node.lookups = 1
            node.flags.formUnion([.changing, .ownTimes, .unlinked])
            return Snapshot(of: node)
        }
    }

    /// Gives a node that is at no path a name; counts one kernel reference.
    func name(_ node: Node, _ name: UnsafeRawBufferPointer, in directory: Node) {
        state.withLock { state in
            if let known = state.find(name, in: directory) { state.detach(name, in: directory, from: known) }
            node.rename(name, in: directory)
            node.flags.subtract([.unlinked, .replaced])
            state.current.insert(node)
            node.lookups += 1
        }
    }

    /// Notes that this mount changed the contents, which the store does not know yet.
    func changed(_ node: Node, size: Int64, native: POSIXAttributes, modified: Int64) {
        state.withLock { _ in
            node.flags.formUnion([.changing, .ownTimes, .wasRead])
            node.size = size
            node.modified = modified
            node.native = native
        }
    }

    /// Notes that the store has the contents: the node is that version now.
    func committed(_ node: Node, as attributes: Attributes) {
        state.withLock { state in
            state.become(node, attributes)
            node.flags.remove(.changing)
        }
    }

    /// Notes that what this mount changed will never be in the store: somebody else replaced the file.
    func lose(_ node: Node) {
        state.withLock { state in
            node.flags.remove(.changing)
            state.replace(node)
        }
    }

    /// Notes attributes that this mount set, which may have given the file another version.
    ///
    /// - Parameters:
    ///   - node: The node.
    ///   - attributes: What the store says now.
    ///   - modified: The time that was set; nil: none was, and that of contents not stored yet stays.
    /// - Returns: The node after it.
    func set(_ node: Node, to attributes: Attributes, modified: Int64? = nil) -> Snapshot {
        state.withLock { state in
            if !node.flags.contains(.changing), node.kind != .directory { state.become(node, attributes) }
            let changed = node.native?.changed ?? .min
            node.flags.insert(.ownTimes)
            if modified != nil || !node.flags.contains(.changing) { node.modified = attributes.modified }
            if var native = attributes.posix {
                // Not every store keeps the moment of every change.
                native.changed = max(native.changed, changed)
                node.native = native
            }
            state.noteLinks(of: node)
            return Snapshot(of: node)
        }
    }

    /// Notes that this mount changed a directory's entries.
    func touch(_ directory: Node, native: POSIXAttributes, at time: Int64) {
        state.withLock { _ in
            directory.flags.insert(.ownTimes)
            directory.modified = time
            directory.native = native
        }
    }

    /// Notes one more name of a file; counts one kernel reference.
    func link(
        _ node: Node,
        to name: UnsafeRawBufferPointer,
        in directory: Node,
        as attributes: Attributes
    ) -> Snapshot {
        state.withLock { state in
            if let known = state.find(name, in: directory) { state.detach(name, in: directory, from: known) }
            if !node.flags.contains(.changing) { state.become(node, attributes) }
            if let native = attributes.posix { node.native = native }
            state.addAlias(name, in: directory, to: node)
            state.noteLinks(of: node)
            node.lookups += 1
            return Snapshot(of: node)
        }
    }

    /// Notes that this mount removed a name.
    /// - Parameters:
    ///   - name: One component.
    ///   - directory: Where it was.
    ///   - native: What the node's attributes are now, for a file that has another name or is still open.
    /// - Returns: What had the name; nil if the kernel knew nothing under it.
    func unlink(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        native: (Snapshot) -> POSIXAttributes
    ) -> Removal? {
        state.withLock { state -> Removal? in
            guard let node = state.find(name, in: directory) else { return nil }
            let hasOther = state.removeName(name, in: directory, of: node)
            var attributes = native(Snapshot(of: node))
            if hasOther {
                attributes.linkCount = max(attributes.linkCount, 2) - 1
            } else {
                node.flags.formUnion([.replaced, .unlinked])
                state.forgetLinks(of: node)
            }
            node.native = attributes
            node.flags.insert(.ownTimes)
            return Removal(node: node, hasOtherName: hasOther, isOpen: node.opens > 0)
        }
    }

    /// Moves a name: the node and all below it get other paths.
    /// - Parameters:
    ///   - name: The old name.
    ///   - directory: Where it is.
    ///   - newName: The new name; nothing is known under it.
    ///   - target: Where that will be.
    func move(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        to newName: UnsafeRawBufferPointer,
        in target: Node
    ) {
        state.withLock { state in
            guard let node = state.find(name, in: directory) else { return }
            if state.takeAlias(name, in: directory, of: node) {
                return state.addAlias(newName, in: target, to: node)
            }
            state.reindex(below: node) { node.rename(newName, in: target) }
        }
    }

    /// Lets two names change places.
    func exchange(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        with otherName: UnsafeRawBufferPointer,
        in otherDirectory: Node
    ) {
        state.withLock { state in
            let node = state.find(name, in: directory)
            let other = state.find(otherName, in: otherDirectory)
            guard node !== other || node == nil else { return }
            let isFurther = node.map { state.takeAlias(name, in: directory, of: $0) } ?? false
            let isOtherFurther = other.map { state.takeAlias(otherName, in: otherDirectory, of: $0) } ?? false
            if let node {
                state.place(node, at: otherName, in: otherDirectory, isFurther: isFurther)
            }
            if let other { state.place(other, at: name, in: directory, isFurther: isOtherFurther) }
        }
    }

    /// The open files at or below a path.
    func isBelow(_ node: Node, _ directory: Node) -> Bool {
        state.withLock { _ in node.isBelow(directory) }
    }
}

extension InodeTable.State {
    /// Gives a node the version and the attributes that the store has.
    fileprivate mutating func become(_ node: Node, _ attributes: Attributes) {
        node.become(attributes.etag, size: attributes.size)
        guard let native = attributes.posix else { return }
        let changed = node.native?.changed ?? .min
        node.native = native
        if node.flags.contains(.ownTimes), changed > native.changed { node.native?.changed = changed }
        noteLinks(of: node)
    }

    /// Takes a name from a node if it is not the one that the node is found by.
    fileprivate mutating func takeAlias(
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        of node: Node
    ) -> Bool {
        let hash = PathHash.child(name, of: directory.pathHash)
        guard let alias = aliases[hash], alias.node === node, alias.leads(name, in: directory) else {
            return false
        }
        aliases[hash] = nil
        node.aliases.removeAll { $0 == hash }
        return true
    }

    /// Gives a node another path, or a further one, while nodes below it, or the target itself, may be in
    /// the way.
    fileprivate mutating func place(
        _ node: Node,
        at name: UnsafeRawBufferPointer,
        in directory: Node,
        isFurther: Bool
    ) {
        if isFurther { return addAlias(name, in: directory, to: node) }
        reindex(below: node) { node.rename(name, in: directory) }
    }

    /// Takes a node and all below it out of the index of paths while `change` gives it another name.
    fileprivate mutating func reindex(below top: Node, _ change: () -> Void) {
        var below: [Node] = []
        if top.kind == .directory {
            current.forEach { node in
                if node !== top, node.isBelow(top) { below.append(node) }
            }
        }
        let wasCurrent = !top.flags.contains(.replaced)
        if wasCurrent { current.remove(top) }
        for node in below { current.remove(node) }
        let moved = aliases.filter { $0.value.parent === top || $0.value.parent.isBelow(top) }
        for (hash, alias) in moved {
            aliases[hash] = nil
            alias.node.aliases.removeAll { $0 == hash }
        }
        change()
        if wasCurrent { current.insert(top) }
        // From the top down, since a child's hash is made of its directory's.
        for node in below.sorted(by: { $0.depth < $1.depth }) { node.rehash() }
        for node in below { current.insert(node) }
        for alias in moved.values {
            alias.name.withUnsafeBytes { addAlias($0, in: alias.parent, to: alias.node) }
        }
    }
}
