public import FileSystem
public import Pages

/// What a mount calls: ``FileSystem`` in the daemon, anything that behaves like it in a test.
///
/// Each requirement means what the method of the same name of ``FileSystem`` says. Any thread may call any of
/// them, several at once; with ``Patience/immediate`` they never wait.
public protocol Operations: AnyObject, Sendable {
    /// How long the kernel may believe that a name is missing.
    var negativeValid: Duration { get }

    /// Finds a name in a directory and counts one kernel reference to the node.
    func lookup(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Drops kernel references to a node.
    func forget(_ node: NodeID, count: UInt64)

    /// The attributes of a node.
    func attributes(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes

    /// Opens a file for reading. `flags` are those of open(2).
    func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile

    /// Reads from an open file.
    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes

    /// Closes an open file.
    func release(_ handle: HandleID)

    /// Finds data or a hole in an open file.
    func seek(_ handle: HandleID, from offset: Int64, whence: Int32) throws(FileSystemError) -> Int64

    /// Opens a directory.
    func openDirectory(_ node: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID

    /// Gives the entries from a cookie on until `body` returns `false` or no more are at hand.
    func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError)

    /// Closes an open directory.
    func releaseDirectory(_ handle: HandleID)

    /// Where a symbolic link points.
    func linkTarget(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8]

    /// The value of an extended attribute.
    func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8]

    /// The names of a node's extended attributes.
    func extendedAttributeNames(of node: NodeID) throws(FileSystemError) -> [String]

    /// Acts on an extended attribute that is a command (`user.alluxio.invalidate`).
    func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        of node: NodeID
    ) throws(FileSystemError)

    /// The totals that `statfs` shows.
    func statistics() -> FileSystemStatistics
}

extension FileSystem: Operations {}
