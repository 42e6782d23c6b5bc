public import Metadata

/// A file system that cannot be changed: everything that would change something is refused.
extension FileSystem {
    /// Refuses to make and open a file.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - new: What to make.
    ///   - flags: Those of open(2).
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) { throw .readOnly }

    /// Refuses to make anything else than an open file.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - new: What to make.
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    /// Refuses to make one more name of a file.
    /// - Parameters:
    ///   - node: The file.
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func link(
        _ node: NodeID,
        to name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    /// Refuses to remove a name.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly``.
    public func unlink(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    /// Refuses to remove a directory.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory that holds it.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly``.
    public func removeDirectory(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    /// Refuses to move a name.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - newName: One component.
    ///   - newParent: The directory of the new name.
    ///   - mode: What becomes of a target that exists.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly``.
    public func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    /// Refuses to change attributes.
    /// - Parameters:
    ///   - node: The node.
    ///   - change: What to change.
    ///   - handle: The open file through which it is changed, if any.
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    /// Refuses to write.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - offset: First byte.
    ///   - bytes: What to write.
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int { throw .readOnly }

    /// Does nothing: nothing is ever dirty.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - patience: Whether to wait.
    /// - Throws: Nothing.
    public func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {}

    /// Does nothing: nothing is ever dirty.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - dataOnly: Whether attributes may stay behind.
    ///   - patience: Whether to wait.
    /// - Throws: Nothing.
    public func sync(_ handle: HandleID, dataOnly: Bool, _ patience: Patience) throws(FileSystemError) {}

    /// Does nothing: nothing is ever dirty.
    /// - Parameters:
    ///   - handle: An open directory.
    ///   - patience: Whether to wait.
    /// - Throws: Nothing.
    public func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {}

    /// Refuses to reserve or free room.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - mode: That of fallocate(2).
    ///   - offset: First byte.
    ///   - count: How many bytes.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly``.
    public func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    /// Refuses to copy.
    /// - Parameters:
    ///   - source: An open file.
    ///   - sourceOffset: First byte there.
    ///   - target: An open file.
    ///   - targetOffset: First byte there.
    ///   - count: How many bytes.
    ///   - patience: Whether to wait.
    /// - Returns: Never.
    /// - Throws: ``FileSystemError/readOnly``.
    public func copy(
        from source: HandleID,
        at sourceOffset: Int64,
        to target: HandleID,
        at targetOffset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> Int { throw .readOnly }

    /// Closes an open file; see ``release(_:)``.
    /// - Parameters:
    ///   - handle: An open file; others are ignored.
    ///   - patience: Not needed.
    /// - Throws: Nothing.
    public func release(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) { release(handle) }

    /// Finds data or a hole; see ``seek(_:from:whence:)``.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - offset: Where to start, in bytes.
    ///   - whence: SEEK_DATA (3) or SEEK_HOLE (4).
    ///   - patience: Not needed.
    /// - Returns: `offset` for data, the file's size for a hole.
    /// - Throws: ``FileSystemError``.
    public func seek(
        _ handle: HandleID,
        from offset: Int64,
        whence: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> Int64 { try seek(handle, from: offset, whence: whence) }

    /// The names of a node's extended attributes; see ``extendedAttributeNames(of:)``.
    /// - Parameters:
    ///   - node: The node.
    ///   - patience: Not needed.
    /// - Returns: Full names.
    /// - Throws: ``FileSystemError``.
    public func extendedAttributeNames(
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [String] { try extendedAttributeNames(of: node) }

    /// Sets an extended attribute; see ``setExtendedAttribute(_:value:of:)``.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - value: The new value.
    ///   - presence: Whether it must be new or there.
    ///   - node: The node.
    ///   - patience: Not needed.
    /// - Throws: ``FileSystemError``.
    public func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { try setExtendedAttribute(name, value: value, of: node) }

    /// Refuses to remove an extended attribute.
    /// - Parameters:
    ///   - name: The attribute's full name.
    ///   - node: The node.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/readOnly``.
    public func removeExtendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }
}
