public import FileSystem
public import Metadata
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

    /// Opens a file. `flags` are those of open(2).
    func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile

    /// Reads from an open file.
    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes

    /// Closes an open file.
    func release(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

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
    func extendedAttributeNames(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [String]

    /// The totals that `statfs` shows.
    func statistics() -> FileSystemStatistics

    // MARK: Changes

    /// Makes and opens a regular file; counts one kernel reference to the node.
    func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile)

    /// Makes anything else, or an empty file; counts one kernel reference to the node.
    func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Gives a file one more name; counts one kernel reference to the node.
    func link(
        _ node: NodeID,
        to name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Removes a name that is no directory.
    func unlink(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Removes an empty directory.
    func removeDirectory(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Gives a file or directory another name.
    func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Changes length, mode, owner or times.
    func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Writes to an open file.
    func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int

    /// Stores what was changed, as close(2) wants it.
    func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

    /// Makes what was changed durable.
    func sync(_ handle: HandleID, dataOnly: Bool, _ patience: Patience) throws(FileSystemError)

    /// Makes what was changed of a directory's names durable.
    func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

    /// Reserves, erases or zeros a range, as fallocate(2) wants it.
    func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Copies bytes from one open file to another, or inside of one.
    func copy(
        from source: HandleID,
        at offset: Int64,
        to target: HandleID,
        at targetOffset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> Int

    /// Sets an extended attribute, or acts on one that is a command (`user.alluxio.invalidate`).
    func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Removes an extended attribute.
    func removeExtendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError)
}

extension FileSystem: Operations {}
