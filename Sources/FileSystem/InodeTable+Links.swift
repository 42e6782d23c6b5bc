import Metadata
import Pages
import Synchronization

extension InodeTable {
    /// Whether an answer that is not new tells of a file what this mount has changed since, under another
    /// name.
    func contradicts(_ attributes: Attributes) -> Bool {
        guard attributes.kind != .directory, let native = attributes.posix, native.inode != 0 else {
            return false
        }
        return state.withLock { state in
            guard let own = state.changedLinks[native.inode] else { return false }
            guard let own, let known = own.posix else { return true }
            return own.size != attributes.size || own.etag != attributes.etag || known.mode != native.mode
                || known.uid != native.uid || known.gid != native.gid || known.linkCount != native.linkCount
        }
    }

    /// Notes what a file with several names is, which the names that nobody has asked for do not say yet.
    /// - Parameters:
    ///   - attributes: What the store said just now, or what this mount made of it.
    ///   - isKnown: Whether they are right; else no older answer is to be believed.
    func noteChangedLink(_ attributes: Attributes, isKnown: Bool = true) {
        guard attributes.kind != .directory, let native = attributes.posix, native.inode != 0 else { return }
        state.withLock { state in
            guard native.linkCount > 1 || state.changedLinks[native.inode] != nil else { return }
            if state.changedLinks.count >= Self.changedLinksMaximum { state.changedLinks = [:] }
            state.changedLinks[native.inode] = .some(isKnown ? attributes : nil)
        }
    }

    /// The most changed files with several names that are remembered; old answers of others are believed.
    private static var changedLinksMaximum: Int { 10_000 }

    /// The paths of a file with several names, as far as the kernel knows them; none for one with one name.
    func paths(of node: Node) -> [RelativePath] {
        state.withLock { state in
            let further = node.aliases.compactMap { hash -> RelativePath? in
                guard let alias = state.aliases[hash], alias.node === node else { return nil }
                let directory = RelativePath(bytes: alias.parent.path())
                return alias.name.withUnsafeBytes { directory.appending($0) }
            }
            return further.isEmpty ? [] : [RelativePath(bytes: node.path())] + further
        }
    }
}

/// Files with several names: all of them lead to one node, since the kernel keeps pages and link count there.
extension InodeTable.State {
    /// The node that is filed under a name.
    func find(_ name: UnsafeRawBufferPointer, in directory: Node) -> Node? {
        let hash = PathHash.child(name, of: directory.pathHash)
        if let node = current.find(hash, where: { $0.hasPath(name, in: directory) }) { return node }
        if let alias = aliases[hash], alias.leads(name, in: directory) { return alias.node }
        return nil
    }

    /// The node of a file with several names, of which the store has just told one more.
    func linkedNode(as attributes: Attributes) -> Node? {
        guard attributes.kind != .directory, let native = attributes.posix, native.linkCount > 1,
            let node = linked[native.inode], node.answers(to: attributes)
        else { return nil }
        return node
    }

    /// Takes a name, which leads elsewhere now, from a node; one without another name is replaced.
    mutating func detach(_ name: UnsafeRawBufferPointer, in directory: Node, from node: Node) {
        guard node.aliases.isEmpty else {
            _ = removeName(name, in: directory, of: node)
            return
        }
        replace(node)
    }

    /// Files a node under its inode number if it may have other names.
    mutating func noteLinks(of node: Node) {
        guard node.kind != .directory, let native = node.native, native.linkCount > 1, native.inode != 0
        else { return }
        linked[native.inode] = node
    }

    /// Takes a node out of the tables of links.
    mutating func forgetLinks(of node: Node) {
        for hash in node.aliases where aliases[hash]?.node === node { aliases[hash] = nil }
        if !node.aliases.isEmpty { node.aliases = [] }
        if let native = node.native, linked[native.inode] === node { linked[native.inode] = nil }
    }

    /// Gives a node one more name.
    mutating func addAlias(_ name: UnsafeRawBufferPointer, in directory: Node, to node: Node) {
        let hash = PathHash.child(name, of: directory.pathHash)
        aliases[hash] = InodeTable.Alias(parent: directory, name: Array(name), node: node)
        node.aliases.append(hash)
    }

    /// Takes one name from a node; the next one becomes the name that it is found by.
    /// - Returns: Whether it has another name.
    mutating func removeName(_ name: UnsafeRawBufferPointer, in directory: Node, of node: Node) -> Bool {
        let hash = PathHash.child(name, of: directory.pathHash)
        if let alias = aliases[hash], alias.node === node, alias.leads(name, in: directory) {
            aliases[hash] = nil
            node.aliases.removeAll { $0 == hash }
            return true
        }
        current.remove(node)
        guard let next = node.aliases.first, let alias = aliases.removeValue(forKey: next) else {
            return false
        }
        node.aliases.removeAll { $0 == next }
        alias.name.withUnsafeBytes { node.rename($0, in: alias.parent) }
        current.insert(node)
        return true
    }
}

extension InodeTable.Alias {
    /// Whether it is this name in this directory.
    func leads(_ wanted: UnsafeRawBufferPointer, in directory: Node) -> Bool {
        name.elementsEqual(wanted) && parent.samePath(as: directory)
    }
}
