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

    /// Opens a file. `flags` are those of open(2), `O_TRUNC` and `O_APPEND` included.
    func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile

    /// Reads from an open file.
    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes

    /// Closes an open file, once it returns or throws anything but ``FileSystemError/wouldWait``. What it
    /// throws reaches nobody.
    func release(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

    /// Finds data or a hole in an open file.
    func seek(
        _ handle: HandleID,
        from offset: Int64,
        whence: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> Int64

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

    /// Whether a node may be changed at all, whoever asks: what access(2) wants to know.
    func checkWritable(_ node: NodeID, _ patience: Patience) throws(FileSystemError)

    // MARK: Making and removing names

    /// Makes a file and opens it; counts one kernel reference to the node. `flags` are those of open(2).
    func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile)

    /// Makes a file that has no name (`O_TMPFILE`) and opens it; counts one kernel reference to the node,
    /// which ``link(_:to:in:_:)`` may later give a name in the file system of `parent`.
    func createUnnamed(
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile)

    /// Makes a directory, symbolic link, special file or empty file; counts one kernel reference.
    func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Makes one more name of a file; counts one kernel reference to what it returns.
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

    /// Moves a name.
    func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError)

    // MARK: Changing files

    /// Changes attributes or the length, through an open file if `handle` is not nil.
    func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes

    /// Writes to an open file; gives how many bytes were written. `bytes` are valid during the call only.
    func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int

    /// One of the descriptors of an open file is closed; what it throws is what close(2) says.
    func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

    /// Makes what was written durable.
    func sync(_ handle: HandleID, dataOnly: Bool, _ patience: Patience) throws(FileSystemError)

    /// Makes the names of an open directory durable.
    func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError)

    /// Reserves or frees room in an open file; `mode` is that of fallocate(2).
    func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError)

    /// Copies bytes between open files, or inside of one; gives how many. With
    /// ``FileSystemError/unsupported`` or ``FileSystemError/crossDevice`` the kernel reads and writes.
    func copy(
        from source: HandleID,
        at sourceOffset: Int64,
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

extension Operations {
    /// Everything may be changed.
    /// - Parameters:
    ///   - node: Not looked at.
    ///   - patience: Not looked at.
    /// - Throws: Nothing.
    public func checkWritable(_ node: NodeID, _ patience: Patience) throws(FileSystemError) {}

    /// A file system that has no files without names.
    /// - Parameters:
    ///   - parent: Not looked at.
    ///   - new: Not looked at.
    ///   - flags: Not looked at.
    ///   - patience: Not looked at.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/unsupported``, which open(2) shows as EOPNOTSUPP.
    public func createUnnamed(
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) { throw .unsupported }
}

extension FileSystem: Operations {}
