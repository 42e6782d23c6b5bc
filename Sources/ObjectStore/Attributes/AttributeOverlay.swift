import Glibc
import Metadata

/// How what an entry says changes what a store says.
struct AttributeOverlay: Sendable {
    let options: AttributedStoreOptions

    /// What the mount shows of a name.
    /// - Parameters:
    ///   - attributes: What the store says of it.
    ///   - entry: What is said of the name; nil: nothing.
    /// - Returns: As the store says it, if nothing is said.
    func shown(_ attributes: Attributes, _ entry: AttributeEntry?) -> Attributes {
        guard let entry else { return attributes }
        // Another version: somebody else replaced the object.
        let bound = entry.bound.etag == attributes.etag ? entry.bound : BoundAttributes()
        var result = attributes
        if let type = bound.type {
            result.kind = type == UInt32(S_IFLNK) ? .symbolicLink : .special
            result.size = Int64(bound.target.count)
        }
        result.modified = bound.modified ?? stored(attributes)
        result.posix = native(of: result, entry, bound, changed: stored(attributes))
        return result
    }

    private func native(
        of shown: Attributes,
        _ entry: AttributeEntry,
        _ bound: BoundAttributes,
        changed: Int64? = nil
    ) -> POSIXAttributes {
        POSIXAttributes(
            mode: (bound.type ?? Self.type(of: shown.kind))
                | (entry.permissions ?? permissions(of: shown.kind)),
            uid: entry.uid ?? options.uid,
            gid: entry.gid ?? options.gid,
            linkCount: entry.linkCount,
            inode: entry.inode ?? 0,
            device: bound.device ?? 0,
            accessed: bound.accessed ?? stored(shown),
            changed: bound.changed ?? changed ?? stored(shown)
        )
    }

    /// The store's time, or the mount's where the store has none.
    private func stored(_ attributes: Attributes) -> Int64 {
        attributes.modified == 0 ? options.mountTime : attributes.modified
    }

    /// What the mount shows natively of attributes that nothing is said of.
    func native(_ attributes: Attributes) -> POSIXAttributes {
        attributes.posix ?? native(of: attributes, AttributeEntry(), BoundAttributes())
    }

    /// Permission bits of what nothing is said of.
    func permissions(of kind: EntryKind) -> UInt32 {
        switch kind {
        case .directory: options.directoryMode
        case .symbolicLink: 0o777
        case .file, .special: options.fileMode
        }
    }

    /// What a change of mode and owner has to say of a name: nothing where the mount would show it anyway.
    func change(_ posix: POSIXAttributes, of kind: EntryKind) -> EntryChange {
        var change = EntryChange()
        let bits = posix.mode & 0o7777
        change.permissions = .set(bits == permissions(of: kind) ? nil : bits)
        change.uid = .set(posix.uid == options.uid ? nil : posix.uid)
        change.gid = .set(posix.gid == options.gid ? nil : posix.gid)
        return change
    }

    /// The kind of thing that a mode means.
    static func kind(of mode: UInt32) -> EntryKind {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFDIR): .directory
        case UInt32(S_IFLNK): .symbolicLink
        case UInt32(S_IFREG), 0: .file
        default: .special
        }
    }

    private static func type(of kind: EntryKind) -> UInt32 {
        switch kind {
        case .file: UInt32(S_IFREG)
        case .directory: UInt32(S_IFDIR)
        case .symbolicLink: UInt32(S_IFLNK)
        case .special: UInt32(S_IFIFO)
        }
    }

    /// User metadata of an object that other tools understand (s3fs, rclone); none where nothing is odd.
    func metadata(_ posix: POSIXAttributes?, of kind: EntryKind) -> [(name: String, value: String)] {
        guard let posix else { return [] }
        let isOdd = posix.mode & 0o7777 != permissions(of: kind) || kind != .file
        guard isOdd || posix.uid != options.uid || posix.gid != options.gid else { return [] }
        let type = posix.mode & UInt32(S_IFMT) == 0 ? Self.type(of: kind) : 0
        return [("mode", "\(posix.mode | type)"), ("uid", "\(posix.uid)"), ("gid", "\(posix.gid)")]
    }

    /// What the object is of which `attributes` are shown: an empty one for a link or a special file.
    static func object(_ attributes: Attributes) -> Attributes {
        let size = attributes.kind == .file ? attributes.size : 0
        return Attributes(kind: .file, size: size, modified: attributes.modified, etag: attributes.etag)
    }
}
