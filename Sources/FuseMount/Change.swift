import FileSystem
import Metadata

/// One decoded request that changes something, as a value: so that it can be run twice, at once and waiting.
// Safety: only `RequestBytes` can point into the request; `detached()` copies them before the value leaves
// its thread.
enum Change: @unchecked Sendable {
    case create(RequestBytes, in: NodeID, NewNode, flags: Int32)
    case createUnnamed(in: NodeID, NewNode, flags: Int32)
    case make(RequestBytes, in: NodeID, NewNode, OperationKind)
    case link(NodeID, to: RequestBytes, in: NodeID)
    case unlink(RequestBytes, in: NodeID)
    case removeDirectory(RequestBytes, in: NodeID)
    case rename(RequestBytes, in: NodeID, to: RequestBytes, inNew: NodeID, RenameMode)
    case attributes(NodeID, NodeChange, handle: HandleID?)
    case write(HandleID, offset: Int64, RequestBytes)
    case flush(HandleID)
    case sync(HandleID, dataOnly: Bool)
    case syncDirectory(HandleID)
    case allocate(HandleID, mode: Int32, offset: Int64, count: Int64)
    case copy(from: FilePlace, to: FilePlace, count: Int)
    case setExtendedAttribute(String, value: RequestBytes, AttributePresence, of: NodeID)
    case removeExtendedAttribute(String, of: NodeID)

    /// An offset in an open file.
    struct FilePlace {
        var handle: HandleID
        var offset: Int64
    }

    /// The one extended attribute that is a command: to forget what is known of a path.
    static let commandAttribute = "user.alluxio.invalidate"

    var kind: OperationKind {
        switch self {
        case .create: .create
        case .createUnnamed: .tmpfile
        case .make(_, _, _, let kind): kind
        case .link: .link
        case .unlink: .unlink
        case .removeDirectory: .rmdir
        case .rename: .rename
        case .attributes: .setattr
        case .write: .write
        case .flush: .flush
        case .sync: .fsync
        case .syncDirectory: .fsyncdir
        case .allocate: .fallocate
        case .copy: .copyFileRange
        case .setExtendedAttribute: .setxattr
        case .removeExtendedAttribute: .removexattr
        }
    }

    /// Whether a read-only mount refuses it.
    var isChange: Bool {
        switch self {
        case .flush, .sync, .syncDirectory: false
        case .setExtendedAttribute(let name, _, _, _): name != Self.commandAttribute
        default: true
        }
    }

    /// See ``Operation/outlivesCaller``.
    var outlivesCaller: Bool {
        switch self {
        case .flush, .sync, .syncDirectory: true
        default: false
        }
    }

    /// The same change without pointers into its request.
    func detached() -> Change {
        switch self {
        case .create(let name, let parent, let new, let flags):
            .create(name.owned, in: parent, new, flags: flags)
        case .make(let name, let parent, let new, let kind): .make(name.owned, in: parent, new, kind)
        case .link(let node, let name, let parent): .link(node, to: name.owned, in: parent)
        case .unlink(let name, let parent): .unlink(name.owned, in: parent)
        case .removeDirectory(let name, let parent): .removeDirectory(name.owned, in: parent)
        case .rename(let name, let parent, let newName, let newParent, let mode):
            .rename(name.owned, in: parent, to: newName.owned, inNew: newParent, mode)
        case .write(let handle, let offset, let bytes): .write(handle, offset: offset, bytes.owned)
        case .setExtendedAttribute(let name, let value, let presence, let node):
            .setExtendedAttribute(name, value: value.owned, presence, of: node)
        case .createUnnamed, .attributes, .flush, .sync, .syncDirectory, .allocate, .copy,
            .removeExtendedAttribute:
            self
        }
    }

    /// Asks the file system; knows no kernel.
    func perform(on operations: any Operations, _ patience: Patience) throws(FileSystemError) -> Answer {
        switch self {
        case .create, .createUnnamed, .make, .link, .unlink, .removeDirectory, .rename:
            return try performOnNames(operations, patience)
        case .attributes(let node, let change, let handle):
            return .attributes(try operations.change(node, change, handle: handle, patience))
        case .write(let handle, let offset, let bytes):
            return .written(
                try bytes.withBytes { bytes throws(FileSystemError) in
                    try operations.write(handle, at: offset, bytes, patience)
                }
            )
        case .flush(let handle): try operations.flush(handle, patience)
        case .sync(let handle, let dataOnly): try operations.sync(handle, dataOnly: dataOnly, patience)
        case .syncDirectory(let handle): try operations.syncDirectory(handle, patience)
        case .allocate(let handle, let mode, let offset, let count):
            try operations.allocate(handle, mode: mode, offset: offset, count: count, patience)
        case .copy(let source, let target, let count):
            return .written(
                try operations.copy(
                    from: source.handle,
                    at: source.offset,
                    to: target.handle,
                    at: target.offset,
                    count: count,
                    patience
                )
            )
        case .setExtendedAttribute(let name, let value, let presence, let node):
            // Forgetting what is known may take a lock that is held over a listing's page.
            if name == Self.commandAttribute, patience == .immediate { throw .wouldWait }
            try value.withBytes { bytes throws(FileSystemError) in
                try operations.setExtendedAttribute(name, value: bytes, presence, of: node, patience)
            }
        case .removeExtendedAttribute(let name, let node):
            try operations.removeExtendedAttribute(name, of: node, patience)
        }
        return .done
    }

    private func performOnNames(
        _ operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        switch self {
        case .create(let name, let parent, let new, let flags):
            let made = try name.withBytes { name throws(FileSystemError) in
                try operations.create(name, in: parent, new, flags: flags, patience)
            }
            return .created(made.node, made.file)
        case .createUnnamed(let parent, let new, let flags):
            let made = try operations.createUnnamed(in: parent, new, flags: flags, patience)
            return .created(made.node, made.file)
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
        default: break
        }
        return .done
    }
}
