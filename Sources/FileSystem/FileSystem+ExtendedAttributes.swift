public import Metadata
import Pages
import Threading

/// The extended attributes of a mount.
private enum AttributeName {
    static let own = "user.alluxio."

    /// Whether a store keeps such a name: `security.` and `system.` would need a kernel that believes them.
    static func mayBeKept(_ name: String) -> Bool { name.hasPrefix("user.") || name.hasPrefix("trusted.") }

    static let uri = "user.alluxio.ufs.uri"
    static let etag = "user.alluxio.etag"
    static let cachedBytes = "user.alluxio.cached.bytes"
    static let statistics = "user.alluxio.stats"
    static let invalidate = "user.alluxio.invalidate"
}

extension FileSystem {
    /// The value of an extended attribute: one of ours (`user.alluxio.*`) or one that was set.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - node: The node.
    ///   - patience: Whether to wait for the store, which keeps those that were set.
    /// - Returns: The value; numbers of ours in decimal.
    /// - Throws: ``FileSystemError/noAttribute`` for a name that the node does not have.
    public func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] {
        // Before anything else: the kernel asks for `security.capability` at every write.
        guard AttributeName.mayBeKept(name) else { throw .noAttribute }
        guard name.hasPrefix(AttributeName.own) else {
            let wanted = Array(name.utf8)
            let found = try keptAttributes(of: node, patience).first { $0.name == wanted }
            guard let found else { throw .noAttribute }
            return found.value
        }
        let (snapshot, path) = try inodes.find(node)
        guard attributeNames(of: snapshot.node, path).contains(name) else { throw .noAttribute }
        switch name {
        case AttributeName.uri:
            return (handles.file(of: node)?.home?.uri(of: path) ?? namespace.uri(of: path)).bytes
        case AttributeName.etag: return Array((inodes.version(of: snapshot.node).etag?.text ?? "").utf8)
        case AttributeName.cachedBytes:
            return Array(String(pages.cachedBytes(of: version(of: snapshot.node, path: path))).utf8)
        case AttributeName.statistics: return options.statisticsText?() ?? []
        default: throw .noAttribute
        }
    }

    /// The names of a node's extended attributes.
    /// - Parameters:
    ///   - node: The node.
    ///   - patience: Whether to wait for the store.
    /// - Returns: Full names.
    /// - Throws: ``FileSystemError/stale`` if there is no such node, or another ``FileSystemError``.
    public func extendedAttributeNames(
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [String] {
        let (snapshot, path) = try inodes.find(node)
        let kept = try keptAttributes(of: node, patience).map { String(decoding: $0.name, as: UTF8.self) }
        return attributeNames(of: snapshot.node, path) + kept
    }

    /// Sets an extended attribute.
    ///
    /// `user.alluxio.invalidate` is a command: it forgets what is known of the path and of everything below
    /// it, whatever the value. No other name of `user.alluxio.` can be set.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - value: Up to 64 KiB.
    ///   - presence: Whether it must be new or there.
    ///   - node: The node.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/exists`` or ``FileSystemError/noAttribute`` by `presence`, or another
    ///   ``FileSystemError``.
    public func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        // Forgetting may take a lock that is held over a page of a listing, so it waits, too.
        guard patience == .waiting else { throw .wouldWait }
        if name == AttributeName.invalidate { return forgetPath(try inodes.find(node).path) }
        try setKeptAttribute(name, to: Array(value), presence, of: node)
    }

    /// Removes an extended attribute.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - node: The node.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/noAttribute`` if it is not there, or another ``FileSystemError``.
    public func removeExtendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        guard patience == .waiting else { throw .wouldWait }
        try setKeptAttribute(name, to: nil, .present, of: node)
    }

    private func setKeptAttribute(
        _ name: String,
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of node: NodeID
    ) throws(FileSystemError) {
        _ = try writable()
        guard AttributeName.mayBeKept(name) else { throw .unsupported }
        guard !name.hasPrefix(AttributeName.own) else { throw .notPermitted }
        let (before, pathBefore) = try inodes.find(node)
        let home = try changeable(before.node, at: pathBefore, .waiting)
        if let file = handles.file(of: node), file.writer?.isPending == true { try commit(file, .waiting) }
        let (snapshot, path) = try inodes.find(node)
        let held = try hold(snapshot.node)
        defer { held?.release() }
        let known = knownAttributes(of: snapshot)
        do throws(StoreError) {
            try home.setExtendedAttribute(
                Array(name.utf8),
                to: value,
                presence,
                of: path,
                known: known,
                time: unixTime()
            )
        } catch .notFound {
            throw .noAttribute
        } catch {
            throw FileSystemError(error)
        }
        guard !path.isRoot, home.holds(path), let now = try? namespace.revalidate(path, known: known.kind)
        else { return }
        settle(snapshot.node, path, now, in: home)
        followOwn(snapshot.node, path, now)
    }

    /// The attributes that the store keeps of a node.
    private func keptAttributes(
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [(name: [UInt8], value: [UInt8])] {
        guard let parts = writing else { return [] }
        guard patience == .waiting else { throw .wouldWait }
        let (snapshot, path) = try inodes.find(node)
        guard !snapshot.flags.contains(.replaced), handles.file(of: node)?.writer?.isPending != true else {
            return []
        }
        let known = knownAttributes(of: snapshot)
        return try ask { () throws(StoreError) in
            try (handles.file(of: node)?.home ?? parts.store).extendedAttributes(of: path, known: known)
        }
    }

    private func attributeNames(of node: Node, _ path: RelativePath) -> [String] {
        switch node.kind {
        case .file: return [AttributeName.uri, AttributeName.etag, AttributeName.cachedBytes]
        case .directory where path.isRoot:
            // The root of a mount table lies in no store.
            let hasAddress = !namespace.uri(of: path).bytes.isEmpty
            return (hasAddress ? [AttributeName.uri] : [])
                + (options.statisticsText == nil ? [] : [AttributeName.statistics])
        case .directory, .symbolicLink, .special: return [AttributeName.uri]
        }
    }
}
