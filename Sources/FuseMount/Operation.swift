import FileSystem
import Glibc
import Pages

/// What requests are counted by.
///
/// The names are those of the libfuse operations.
enum OperationKind: Int, CaseIterable, Sendable {
    case lookup, forget, getattr, open, read, release, flush, opendir, readdir, readdirplus, releasedir
    case statfs, access, readlink, getxattr, listxattr, setxattr, lseek
    case create, tmpfile, mknod, mkdir, symlink, link, unlink, rmdir, rename, setattr, write, fsync, fsyncdir
    case fallocate, copyFileRange, removexattr

    /// The name in metrics and log lines.
    var label: String { self == .copyFileRange ? "copy_file_range" : "\(self)" }
}

/// One decoded request that has an answer, as a value: so that it can be run twice, at once and waiting.
// Safety: only `RequestBytes` can point into the request; `detached()` copies them before the value leaves
// its thread.
enum Operation: @unchecked Sendable {
    case lookup(RequestBytes, in: NodeID)
    case attributes(NodeID)
    case open(NodeID, flags: Int32)
    case read(HandleID, offset: Int64, count: Int)
    case seek(HandleID, from: Int64, whence: Int32)
    case openDirectory(NodeID)
    case readDirectory(HandleID, cookie: UInt64, room: Int, plus: Bool)
    case linkTarget(NodeID)
    case extendedAttribute(String, of: NodeID, room: Int)
    case extendedAttributeNames(of: NodeID, room: Int)
    case statistics
    case checkWritable(NodeID)
    case release(HandleID)
    case change(Change)

    var kind: OperationKind {
        switch self {
        case .lookup: .lookup
        case .attributes: .getattr
        case .open: .open
        case .read: .read
        case .seek: .lseek
        case .openDirectory: .opendir
        case .readDirectory(_, _, _, let plus): plus ? .readdirplus : .readdir
        case .linkTarget: .readlink
        case .extendedAttribute: .getxattr
        case .extendedAttributeNames: .listxattr
        case .statistics: .statfs
        case .checkWritable: .access
        case .release: .release
        case .change(let change): change.kind
        }
    }

    /// Whether it would change something, so that a read-only mount refuses it.
    var isChange: Bool {
        switch self {
        case .open(_, let flags): flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0
        case .change(let change): change.isChange
        default: false
        }
    }

    /// Whether it is carried out even if nobody waits for its answer any more: what was written must not
    /// depend on the life of who wrote it, and a handle that nobody can name again must be let go.
    var outlivesCaller: Bool {
        switch self {
        case .release: true
        case .change(let change): change.outlivesCaller
        default: false
        }
    }

    /// The same operation without pointers into its request.
    func detached() -> Operation {
        switch self {
        case .lookup(let name, let parent): .lookup(name.owned, in: parent)
        case .change(let change): .change(change.detached())
        default: self
        }
    }

    /// Asks the file system; knows no kernel.
    func perform(
        on operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        switch self {
        case .lookup(let name, let parent):
            return try lookup(name, in: parent, on: operations, patience)
        case .attributes(let node):
            return .attributes(try operations.attributes(of: node, patience))
        case .open(let node, let flags):
            return .opened(try operations.open(node, flags: flags, patience), flags: flags)
        case .read(let handle, let offset, let count):
            return .bytes(try operations.read(handle, at: offset, count: count, patience))
        case .seek(let handle, let offset, let whence):
            return .offset(try operations.seek(handle, from: offset, whence: whence, patience))
        case .openDirectory(let node):
            return .openedDirectory(try operations.openDirectory(node, patience))
        case .readDirectory(let handle, let cookie, let room, let plus):
            let buffer = DirectoryBuffer(room: room, plus: plus)
            return .entries(try buffer.fill(from: operations, handle, cookie: cookie, patience))
        case .linkTarget(let node):
            return .text(try operations.linkTarget(of: node, patience))
        case .extendedAttribute(let name, let node, let room):
            return .value(try operations.extendedAttribute(name, of: node, patience), room: room)
        case .extendedAttributeNames(let node, let room):
            let names = try operations.extendedAttributeNames(of: node, patience)
            return .value(names.flatMap { Array($0.utf8) + [0] }, room: room)
        case .statistics:
            return .statistics(operations.statistics())
        case .checkWritable(let node):
            try operations.checkWritable(node, patience)
            return .done
        case .release(let handle):
            try operations.release(handle, patience)
            return .done
        case .change(let change):
            return try change.perform(on: operations, patience)
        }
    }

    private func lookup(
        _ name: RequestBytes,
        in parent: NodeID,
        on operations: any Operations,
        _ patience: Patience
    ) throws(FileSystemError) -> Answer {
        do throws(FileSystemError) {
            return .entry(
                try name.withBytes { bytes throws(FileSystemError) in
                    try operations.lookup(bytes, in: parent, patience)
                }
            )
        } catch .notFound {
            return .noEntry(valid: operations.negativeValid)
        }
    }
}

/// What a request is answered with, errors aside.
enum Answer {
    case entry(NodeAttributes)
    case noEntry(valid: Duration)
    case attributes(NodeAttributes)
    case opened(OpenedFile, flags: Int32)
    case created(NodeAttributes, OpenedFile)
    case written(Int)
    case openedDirectory(HandleID)
    case bytes(PinnedBytes)
    case entries(DirectoryBuffer)
    case text([UInt8])
    case value([UInt8], room: Int)
    case offset(Int64)
    case statistics(FileSystemStatistics)
    case done

    /// Gives back the nodes and directories that the answer lent to the kernel, when the kernel did not take
    /// the answer.
    func undo(on operations: any Operations) {
        switch self {
        case .entry(let attributes), .created(let attributes, _):
            operations.forget(attributes.node, count: 1)
        case .openedDirectory(let handle): operations.releaseDirectory(handle)
        case .entries(let buffer): buffer.forEachNode { operations.forget($0, count: 1) }
        default: break
        }
    }

    /// The open file that the answer lent to the kernel; closing it may take a wait.
    var lentFile: HandleID? {
        switch self {
        case .opened(let file, _), .created(_, let file): file.handle
        default: nil
        }
    }
}
