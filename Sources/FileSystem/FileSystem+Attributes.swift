import Glibc
import Metadata
import Threading

extension FileSystem {
    /// What the kernel is told of a node.
    /// - Parameters:
    ///   - snapshot: The node as it is now.
    ///   - validFor: For how much longer the namespace trusts its answer; nil: for ever.
    /// - Returns: Attributes with the times that the options allow; none for a replaced node.
    func describe(_ snapshot: InodeTable.Snapshot, validFor: Duration?) -> NodeAttributes {
        let node = snapshot.node
        let trust = validFor ?? Self.forEver
        let isReplaced = snapshot.flags.contains(.replaced)
        let hasNoTime =
            snapshot.modified == 0 && (node.kind == .directory || snapshot.flags.contains(.command))
        let modified = hasNoTime ? options.mountTime : snapshot.modified
        var attributes = NodeAttributes(
            node: node.id,
            inode: node.inode,
            mode: mode(of: node.kind),
            linkCount: 1,
            uid: options.uid,
            gid: options.gid,
            device: 0,
            size: snapshot.size,
            accessed: modified,
            modified: modified,
            changed: modified,
            attributesValid: isReplaced ? .zero : options.attributeTimeout ?? trust,
            entryValid: isReplaced ? .zero : options.entryTimeout ?? trust
        )
        if let native = snapshot.native {
            attributes.mode = native.mode
            attributes.linkCount = snapshot.flags.contains(.unlinked) ? 0 : native.linkCount
            attributes.uid = native.uid
            attributes.gid = native.gid
            attributes.device = native.device
            attributes.accessed = native.accessed
            attributes.changed = native.changed
        }
        if node.kind == .directory, attributes.linkCount == 1, let count = subdirectoryCount(of: node) {
            attributes.linkCount = 2 + UInt32(clamping: count)
        }
        return attributes
    }

    /// How many directories a directory has, where the store does not count its links: its link count 1 is
    /// «not known», as on other file systems that do not count them.
    private func subdirectoryCount(of node: Node) -> Int? {
        guard let (snapshot, path) = try? inodes.find(node.id),
            snapshot.flags.isDisjoint(with: [.unlinked, .replaced])
        else { return nil }
        return namespace.subdirectoryCount(of: path)
    }

    /// What the store keeps of a node beside contents and names, or what the mount shows in its place.
    func native(of snapshot: InodeTable.Snapshot) -> POSIXAttributes {
        if let native = snapshot.native { return native }
        let modified = snapshot.modified == 0 ? options.mountTime : snapshot.modified
        return POSIXAttributes(
            mode: mode(of: snapshot.node.kind),
            uid: options.uid,
            gid: options.gid,
            linkCount: 1,
            inode: 0,
            device: 0,
            accessed: modified,
            changed: modified
        )
    }

    /// File type and permission bits where the store knows none.
    private func mode(of kind: EntryKind) -> UInt32 {
        switch kind {
        case .directory: Self.type(of: kind) | options.directoryMode
        // What a link allows is decided by what it points to.
        case .symbolicLink: Self.type(of: kind) | 0o777
        case .file, .special: Self.type(of: kind) | options.fileMode
        }
    }

    /// The file type bits of a mode.
    static func type(of kind: EntryKind) -> UInt32 {
        switch kind {
        case .file: UInt32(S_IFREG)
        case .directory: UInt32(S_IFDIR)
        case .symbolicLink: UInt32(S_IFLNK)
        case .special: UInt32(S_IFIFO)
        }
    }

    /// The file type bits of a listed entry.
    static func type(of attributes: Attributes) -> UInt32 {
        attributes.posix.map { $0.mode & UInt32(S_IFMT) } ?? type(of: attributes.kind)
    }
}
