import FileSystem
import Metadata
import Pages

/// One decoded request that changes something, as a value: so that it can be run twice, at once and waiting.
// Safety: names and bytes can point into the request; `detached()` copies them before the value leaves its
// thread.
enum Change: @unchecked Sendable {
    case create(RequestBytes, in: NodeID, NewNode, flags: Int32)
    case make(RequestBytes, in: NodeID, NewNode, OperationKind)
    case link(NodeID, to: RequestBytes, in: NodeID)
    case unlink(RequestBytes, in: NodeID)
    case removeDirectory(RequestBytes, in: NodeID)
    case rename(RequestBytes, in: NodeID, to: RequestBytes, newParent: NodeID, RenameMode)
    case attributes(NodeID, NodeChange, HandleID?)
    case write(HandleID, offset: Int64, RequestBytes)
    case flush(HandleID)
    case release(HandleID)
    case sync(HandleID, dataOnly: Bool)
    case syncDirectory(HandleID)
    case allocate(HandleID, mode: Int32, offset: Int64, count: Int64)
    case copy(from: HandleID, offset: Int64, to: HandleID, targetOffset: Int64, count: Int)
    case setExtendedAttribute(String, RequestBytes, AttributePresence, of: NodeID)
    case removeExtendedAttribute(String, of: NodeID)

    var kind: OperationKind {
        switch self {
        case .create: .create
        case .make(_, _, _, let kind): kind
        case .link: .link
        case .unlink: .unlink
        case .removeDirectory: .rmdir
        case .rename: .rename
        case .attributes: .setattr
        case .write: .write
        case .flush: .flush
        case .release: .release
        case .sync: .fsync
        case .syncDirectory: .fsyncdir
        case .allocate: .fallocate
        case .copy: .copy_file_range
        case .setExtendedAttribute: .setxattr
        case .removeExtendedAttribute: .removexattr
        }
    }

    /// The same change without pointers into its request.
    func detached() -> Change {
        switch self {
        case .create(let name, let parent, let new, let flags):
            .create(name.detached(), in: parent, new, flags: flags)
        case .make(let name, let parent, let new, let kind):
            .make(name.detached(), in: parent, new, kind)
        case .link(let node, let name, let parent):
            .link(node, to: name.detached(), in: parent)
        case .unlink(let name, let parent):
            .unlink(name.detached(), in: parent)
        case .removeDirectory(let name, let parent):
            .removeDirectory(name.detached(), in: parent)
        case .rename(let name, let parent, let newName, let newParent, let mode):
            .rename(name.detached(), in: parent, to: newName.detached(), newParent: newParent, mode)
        case .write(let handle, let offset, let bytes):
            .write(handle, offset: offset, bytes.detached())
        case .setExtendedAttribute(let name, let value, let presence, let node):
            .setExtendedAttribute(name, value.detached(), presence, of: node)
        default:
            self
        }
    }

    /// Asks the file system; knows no kernel.
    func perform(on operations: any Operations, _ patience: Patience) throws(FileSystemError) -> Answer {
        switch self {
        case .create, .make, .link, .unlink, .removeDirectory, .rename:
            return try changeNames(on: operations, patience)
        case .setExtendedAttribute, .removeExtendedAttribute, .attributes:
            return try changeAttributes(on: operations, patience)
        default:
            return try changeContents(on: operations, patience)
        }
    }

    private func changeNames(
        on operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        switch self {
        case .create(let name, let parent, let new, let flags):
            let made = try name.withBytes { name throws(FileSystemError) in
                try operations.create(name, in: parent, new, flags: flags, patience)
            }
            return .created(made.node, made.file, flags: flags)
        case .make(let name, let parent, let new, _):
            return .entry(
                try name.withBytes { name throws(FileSystemError) in
                    try operations.make(name, in: parent, new, patience)
                }
            )
        case .link(let node, let name, let parent):
            return .entry(
                try name.withBytes { name throws(FileSystemError) in
                    try operations.link(node, to: name, in: parent, patience)
                }
            )
        case .unlink(let name, let parent):
            try name.withBytes { name throws(FileSystemError) in
                try operations.unlink(name, in: parent, patience)
            }
        case .removeDirectory(let name, let parent):
            try name.withBytes { name throws(FileSystemError) in
                try operations.removeDirectory(name, in: parent, patience)
            }
        case .rename(let name, let parent, let newName, let newParent, let mode):
            try name.withBytes { name throws(FileSystemError) in
                try newName.withBytes { newName throws(FileSystemError) in
                    try operations.rename(name, in: parent, to: newName, in: newParent, mode, patience)
                }
            }
        default: throw .unsupported
        }
        return .done
    }

    private func changeAttributes(
        on operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        switch self {
        case .attributes(let node, let change, let handle):
            return .attributes(try operations.change(node, change, handle: handle, patience))
        case .setExtendedAttribute(let name, let value, let presence, let node):
            try value.withBytes { value throws(FileSystemError) in
                try operations.setExtendedAttribute(name, value: value, presence, of: node, patience)
            }
        case .removeExtendedAttribute(let name, let node):
            try operations.removeExtendedAttribute(name, of: node, patience)
        default: throw .unsupported
        }
        return .done
    }

    private func changeContents(
        on operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        switch self {
        case .write(let handle, let offset, let bytes):
            return .written(
                try bytes.withBytes { bytes throws(FileSystemError) in
                    try operations.write(handle, at: offset, bytes, patience)
                }
            )
        case .copy(let source, let offset, let target, let targetOffset, let count):
            return .written(
                try operations.copy(
                    from: source,
                    at: offset,
                    to: target,
                    at: targetOffset,
                    count: count,
                    patience
                )
            )
        case .flush(let handle): try operations.flush(handle, patience)
        case .release(let handle): try operations.release(handle, patience)
        case .sync(let handle, let dataOnly): try operations.sync(handle, dataOnly: dataOnly, patience)
        case .syncDirectory(let handle): try operations.syncDirectory(handle, patience)
        case .allocate(let handle, let mode, let offset, let count):
            try operations.allocate(handle, mode: mode, offset: offset, count: count, patience)
        default: throw .unsupported
        }
        return .done
    }
}
