import Metadata

@testable import FileSystem
@testable import FuseMount

/// Operations of a mount that nothing is changed through: every change answers EROFS.
protocol UnchangedOperations: Operations {}

extension UnchangedOperations {
    func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) { throw .readOnly }

    func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    func link(
        _ node: NodeID,
        to name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    func unlink(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    func removeDirectory(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes { throw .readOnly }

    func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int { throw .readOnly }

    func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {}

    func sync(_ handle: HandleID, dataOnly: Bool, _ patience: Patience) throws(FileSystemError) {}

    func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {}

    func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    func copy(
        from source: HandleID,
        at offset: Int64,
        to target: HandleID,
        at targetOffset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> Int { throw .readOnly }

    func setExtendedAttribute(
        _ name: String,
        value: UnsafeRawBufferPointer,
        _ presence: AttributePresence,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }

    func removeExtendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) { throw .readOnly }
}
