import Metadata
import Pages

/// The extended attributes of a mount.
private enum AttributeName {
    static let uri = "user.alluxio.ufs.uri"
    static let etag = "user.alluxio.etag"
    static let cachedBytes = "user.alluxio.cached.bytes"
    static let statistics = "user.alluxio.stats"
    static let invalidate = "user.alluxio.invalidate"
}

extension FileSystem {
    /// The value of an extended attribute (`user.alluxio.*`).
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - node: The node.
    ///   - patience: Not needed: all of them are known.
    /// - Returns: The value; numbers in decimal.
    /// - Throws: ``FileSystemError/noAttribute`` for a name that the node does not have.
    public func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] {
        // Before anything else: the kernel asks for security attributes at every turn.
        guard name.hasPrefix("user.alluxio.") else { throw .noAttribute }
        let (snapshot, path) = try inodes.find(node)
        guard attributeNames(of: snapshot.node, path).contains(name) else { throw .noAttribute }
        switch name {
        case AttributeName.uri: return namespace.uri(of: path).bytes
        case AttributeName.etag: return Array((inodes.version(of: snapshot.node).etag?.text ?? "").utf8)
        case AttributeName.cachedBytes:
            return Array(String(pages.cachedBytes(of: version(of: snapshot.node, path: path))).utf8)
        case AttributeName.statistics: return options.statisticsText?() ?? []
        default: throw .noAttribute
        }
    }

    /// The names of a node's extended attributes.
    /// - Parameter node: The node.
    /// - Returns: Full names.
    /// - Throws: ``FileSystemError/stale`` if there is no such node.
    public func extendedAttributeNames(of node: NodeID) throws(FileSystemError) -> [String] {
        let (snapshot, path) = try inodes.find(node)
        return attributeNames(of: snapshot.node, path)
    }

    /// Sets an extended attribute.
    ///
    /// Only `user.alluxio.invalidate` can be set: it forgets what is known of the path and of everything
    /// below it, whatever the value.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - value: Not looked at.
    ///   - node: The node.
    /// - Throws: ``FileSystemError/readOnly`` for any other name.
    public func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        of node: NodeID
    ) throws(FileSystemError) {
        guard name == AttributeName.invalidate else { throw .readOnly }
        forgetPath(try inodes.find(node).path)
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
