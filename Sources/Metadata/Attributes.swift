public import Pages

/// What kind of thing a name stands for.
public enum EntryKind: UInt8, Sendable {
    /// A regular file: an object, or a file of a local store.
    case file
    /// A directory: a key prefix, a directory marker, or a directory of a local store.
    case directory
    /// A symbolic link of a local store.
    case symbolicLink
    /// A FIFO, socket or device of a local store; it has a name and attributes, no contents here.
    case special
}

/// What a store knows natively of a file beyond S3's attributes; only local stores have it.
public struct POSIXAttributes: Hashable, Sendable {
    /// File type and permission bits, as `st_mode`.
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Number of names.
    public var linkCount: UInt32
    /// Inode number in the store's file system.
    public var inode: UInt64
    /// Device number of a special file, as `st_rdev`.
    public var device: UInt64
    /// Last access, nanoseconds since 1970.
    public var accessed: Int64
    /// Last change of the attributes, nanoseconds since 1970.
    public var changed: Int64

    /// Collects native attributes.
    /// - Parameters:
    ///   - mode: File type and permission bits, as `st_mode`.
    ///   - uid: Owner.
    ///   - gid: Group.
    ///   - linkCount: Number of names.
    ///   - inode: Inode number in the store's file system.
    ///   - device: Device number of a special file.
    ///   - accessed: Last access, nanoseconds since 1970.
    ///   - changed: Last change of the attributes, nanoseconds since 1970.
    public init(
        mode: UInt32,
        uid: UInt32,
        gid: UInt32,
        linkCount: UInt32,
        inode: UInt64,
        device: UInt64,
        accessed: Int64,
        changed: Int64
    ) {
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.linkCount = linkCount
        self.inode = inode
        self.device = device
        self.accessed = accessed
        self.changed = changed
    }
}

/// What a store says of one name.
public struct Attributes: Hashable, Sendable {
    /// What the name stands for.
    public var kind: EntryKind
    /// Length in bytes; 0 for directories.
    public var size: Int64
    /// Last change of the contents, nanoseconds since 1970; 0 where the store keeps none (an implied
    /// directory).
    public var modified: Int64
    /// Which version of the contents; nil for directories.
    public var etag: ETag?
    /// What a local store knows natively; nil for S3.
    public var posix: POSIXAttributes?

    /// Collects attributes.
    /// - Parameters:
    ///   - kind: What the name stands for.
    ///   - size: Length in bytes.
    ///   - modified: Last change of the contents, nanoseconds since 1970.
    ///   - etag: Which version of the contents; nil for directories.
    ///   - posix: What a local store knows natively.
    public init(kind: EntryKind, size: Int64, modified: Int64, etag: ETag?, posix: POSIXAttributes? = nil) {
        self.kind = kind
        self.size = size
        self.modified = modified
        self.etag = etag
        self.posix = posix
    }
}
