import Metadata
public import Pages

/// The kernel's name for one version of one file, or for one directory. 1 is the root. Never used again.
public typealias NodeID = UInt64
/// The kernel's name for one open file or directory.
public typealias HandleID = UInt64

/// Whether an operation may wait for the store.
public enum Patience: Sendable {
    /// Answer from memory and local disk, or throw ``FileSystemError/wouldWait``.
    case immediate
    /// Wait as long as the store's deadlines allow.
    case waiting
}

/// Why an operation failed; the mount has one errno for each.
public enum FileSystemError: Error, Hashable, Sendable {
    /// The answer needs a wait and the caller has ``Patience/immediate``.
    case wouldWait
    /// No such name.
    case notFound
    /// The node's version has been replaced; the path must be walked again.
    case stale
    /// Not a directory.
    case notDirectory
    /// Is a directory.
    case isDirectory
    /// The mount is read-only.
    case readOnly
    /// The store refuses; the text says what.
    case denied(String)
    /// The name is longer than 255 bytes.
    case nameTooLong
    /// A parameter is out of range.
    case invalid
    /// No such extended attribute.
    case noAttribute
    /// No data or hole at or after that offset.
    case noSuchOffset
    /// Too many open handles or nodes; the named limit is in the text.
    case tooMany(String)
    /// Not possible here.
    case unsupported
    /// The store failed; the text names the object and why.
    case inputOutput(String)
    /// Whoever asked is gone.
    case cancelled
}

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
    public var blockSize: UInt64
    /// Blocks in all; free.
    public var blocks: UInt64
    /// Files in all; free.
    public var files: UInt64
    /// The longest name in bytes.
    public var nameMaximum: UInt64
}

/// POSIX behaviour over a namespace and a page source. Knows no kernel, no network, no S3.
///
/// Every operation is a plain function: it returns or throws, on the caller's thread. With
/// ``Patience/immediate`` it never waits. Any thread may call any operation.
public final class FileSystem: Sendable {
    /// What a LOOKUP of a missing name tells the kernel: how long it may believe that there is none.
    public let negativeValid: Duration

    init() { negativeValid = .zero }

    /// Finds a name in a directory and counts one kernel reference to the node.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - patience: Whether to wait.
    /// - Returns: The node and its attributes.
    /// - Throws: ``FileSystemError``.
    public func lookup(
        _ name: UnsafeRawBufferPointer, in parent: NodeID, _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { preconditionFailure("to be written") }

    /// Drops kernel references to a node.
    public func forget(_ node: NodeID, count: UInt64) {}

    /// The attributes of a node.
    public func attributes(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes {
        preconditionFailure("to be written")
    }

    /// Opens a file for reading. `flags` are those of open(2).
    public func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile {
        preconditionFailure("to be written")
    }

    /// Reads from an open file.
    public func read(
        _ handle: HandleID, at offset: Int64, count: Int, _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes { preconditionFailure("to be written") }

    /// Closes an open file. The handle is not used again.
    public func release(_ handle: HandleID) {}

    /// Finds data or a hole in an open file (SEEK_DATA 3, SEEK_HOLE 4): an object has no holes.
    public func seek(_ handle: HandleID, from offset: Int64, whence: Int32) throws(FileSystemError) -> Int64 {
        preconditionFailure("to be written")
    }

    /// Opens a directory. Asks for its first page if nothing of it is known.
    public func openDirectory(_ node: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID {
        preconditionFailure("to be written")
    }

    /// Gives the entries from a cookie on, `.` and `..` first, until `body` returns `false` or no more are at hand.
    /// - Parameters:
    ///   - handle: The open directory.
    ///   - cookie: 0, or the `nextCookie` of an entry.
    ///   - patience: Whether to wait for more of the listing when nothing is at hand.
    ///   - withAttributes: Whether a node and its attributes are wanted for each entry (READDIRPLUS); then one
    ///     kernel reference is counted for each entry that `body` took (never for `.` and `..`).
    ///   - body: Takes an entry; returns `false` if it did not fit, which ends the call.
    public func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError) { preconditionFailure("to be written") }

    /// Closes an open directory.
    public func releaseDirectory(_ handle: HandleID) {}

    /// Where a symbolic link points.
    public func linkTarget(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8] {
        preconditionFailure("to be written")
    }

    /// The value of an extended attribute (`user.alluxio.*`).
    public func extendedAttribute(
        _ name: String, of node: NodeID, _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] { preconditionFailure("to be written") }

    /// The names of a node's extended attributes.
    public func extendedAttributeNames(of node: NodeID) throws(FileSystemError) -> [String] {
        preconditionFailure("to be written")
    }

    /// The totals that `statfs` shows.
    public func statistics() -> FileSystemStatistics { preconditionFailure("to be written") }
}
