/// The kernel's name for one version of one file, or for one directory.
///
/// 1 is the root. Never used again.
public typealias NodeID = UInt64
/// The kernel's name for one open file or directory.
public typealias HandleID = UInt64

/// What the kernel is told of a file.
public struct NodeAttributes: Hashable, Sendable {
    /// The node.
    public var node: NodeID
    /// The stable inode number that users see.
    public var inode: UInt64
    /// File type and permission bits.
    public var mode: UInt32
    /// Number of names.
    public var linkCount: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Device number of a special file.
    public var device: UInt64
    /// Length in bytes.
    public var size: Int64
    /// Last access, last modification, last attribute change: nanoseconds since 1970.
    public var accessed: Int64
    /// Last modification, nanoseconds since 1970.
    public var modified: Int64
    /// Last attribute change, nanoseconds since 1970.
    public var changed: Int64
    /// How long the kernel may believe the attributes.
    public var attributesValid: Duration
    /// How long the kernel may believe that the name leads here.
    public var entryValid: Duration
}

/// The answer to an open.
public struct OpenedFile: Sendable {
    /// The new handle.
    public var handle: HandleID
    /// Whether the kernel may keep the pages it has.
    public var keepsKernelPages: Bool
}

/// One entry of a directory as the kernel gets it.
public struct DirectoryEntry {
    /// The component's bytes; valid during the call only.
    public var name: UnsafeRawBufferPointer
    /// The stable inode number that users see.
    public var inode: UInt64
    /// The file type bits of the mode.
    public var type: UInt32
    /// Where the next entry starts; stable for one open directory.
    public var nextCookie: UInt64
}

/// The file system's totals, as `statfs` shows them.
public struct FileSystemStatistics: Sendable {
    /// Block size in bytes.
    public var blockSize: UInt64 = 4096
    /// Blocks in all, and free: a bucket has no end, so both are the same large number (1 EiB).
    public var blocks: UInt64 = 1 << 48
    /// Files in all, and free.
    public var files: UInt64 = 1 << 40
    /// The longest name in bytes.
    public var nameMaximum: UInt64 = 255

    /// The totals of a store without limits.
    public init() {}
}
