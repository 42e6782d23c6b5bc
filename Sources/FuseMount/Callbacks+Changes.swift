import CFuse3
import FileSystem
import Glibc
import Metadata

/// The functions that libfuse calls for what changes something.
extension Callbacks {
    static func addAttributeChanges(to table: inout fuse_lowlevel_ops) {
        table.setattr = { request, node, attributes, mask, info in
            guard let attributes else { return conclude(request, .setattr, errno: Errno.of(.invalid)) }
            let change = NodeChange(attributes.pointee, mask: mask)
            serve(request, .change(.attributes(NodeID(node), change, handle: info?.pointee.fh)))
        }
        table.setxattr = { request, node, name, value, count, flags in
            let (name, presence) = (exactText(name), AttributePresence(flags: flags))
            guard let name, let presence else {
                return conclude(request, .setxattr, errno: Errno.of(name == nil ? .unsupported : .invalid))
            }
            let value = RequestBytes.lent(UnsafeRawBufferPointer(start: value, count: count))
            serve(request, .change(.setExtendedAttribute(name, value: value, presence, of: NodeID(node))))
        }
        table.removexattr = { request, node, name in
            guard let name = exactText(name) else {
                return conclude(request, .removexattr, errno: Errno.of(.noAttribute))
            }
            serve(request, .change(.removeExtendedAttribute(name, of: NodeID(node))))
        }
    }

    static func addContentChanges(to table: inout fuse_lowlevel_ops) {
        table.write = { request, _, bytes, count, offset, info in
            let bytes = RequestBytes.lent(UnsafeRawBufferPointer(start: bytes, count: count))
            serve(request, .change(.write(info?.pointee.fh ?? 0, offset: Int64(offset), bytes)))
        }
        table.flush = { request, _, info in serve(request, .change(.flush(info?.pointee.fh ?? 0))) }
        table.fsync = { request, _, dataOnly, info in
            serve(request, .change(.sync(info?.pointee.fh ?? 0, dataOnly: dataOnly != 0)))
        }
        table.fsyncdir = { request, _, _, info in
            serve(request, .change(.syncDirectory(info?.pointee.fh ?? 0)))
        }
        table.fallocate = { request, _, mode, offset, count, info in
            let handle = info?.pointee.fh ?? 0
            serve(
                request,
                .change(.allocate(handle, mode: mode, offset: Int64(offset), count: Int64(count)))
            )
        }
        table.copy_file_range = { request, _, sourceOffset, sourceInfo, _, offset, info, count, flags in
            guard flags == 0 else { return conclude(request, .copyFileRange, errno: Errno.of(.invalid)) }
            let source = Change.FilePlace(handle: sourceInfo?.pointee.fh ?? 0, offset: Int64(sourceOffset))
            let target = Change.FilePlace(handle: info?.pointee.fh ?? 0, offset: Int64(offset))
            // The reply has 32 bits for it.
            serve(request, .change(.copy(from: source, to: target, count: min(count, 0xFFFF_F000))))
        }
    }

    static func addNewNames(to table: inout fuse_lowlevel_ops) {
        table.create = { request, parent, name, mode, info in
            let (name, flags) = (bytes(name), info?.pointee.flags ?? 0)
            let new = newNode(request, mode: mode, type: S_IFREG)
            // What FUSE_TMPFILE has in the place of a name; see fuse_channel.c.
            guard !name.elementsEqual("/".utf8) else {
                return serve(request, .change(.createUnnamed(in: NodeID(parent), new, flags: flags)))
            }
            serve(request, .change(.create(.lent(name), in: NodeID(parent), new, flags: flags)))
        }
        table.mknod = { request, parent, name, mode, device in
            let new = newNode(request, mode: mode, type: S_IFREG, device: UInt64(device))
            serve(request, .change(.make(.lent(bytes(name)), in: NodeID(parent), new, .mknod)))
        }
        table.mkdir = { request, parent, name, mode in
            let new = newNode(request, mode: mode, type: S_IFDIR)
            serve(request, .change(.make(.lent(bytes(name)), in: NodeID(parent), new, .mkdir)))
        }
        table.symlink = { request, target, parent, name in
            let new = newNode(request, mode: 0o777, type: S_IFLNK, target: Array(bytes(target)))
            serve(request, .change(.make(.lent(bytes(name)), in: NodeID(parent), new, .symlink)))
        }
        table.link = { request, node, parent, name in
            serve(request, .change(.link(NodeID(node), to: .lent(bytes(name)), in: NodeID(parent))))
        }
    }

    static func addNameChanges(to table: inout fuse_lowlevel_ops) {
        table.unlink = { request, parent, name in
            serve(request, .change(.unlink(.lent(bytes(name)), in: NodeID(parent))))
        }
        table.rmdir = { request, parent, name in
            serve(request, .change(.removeDirectory(.lent(bytes(name)), in: NodeID(parent))))
        }
        table.rename = { request, parent, name, newParent, newName, flags in
            guard let mode = RenameMode(flags: flags) else {
                return conclude(request, .rename, errno: Errno.of(.invalid))
            }
            let (name, newName) = (RequestBytes.lent(bytes(name)), RequestBytes.lent(bytes(newName)))
            serve(
                request,
                .change(.rename(name, in: NodeID(parent), to: newName, inNew: NodeID(newParent), mode))
            )
        }
    }
}

/// What is to be made, with the type that the kernel may have left out.
private func newNode(
    _ request: fuse_req_t?,
    mode: mode_t,
    type: mode_t,
    device: UInt64 = 0,
    target: [UInt8] = []
) -> NewNode {
    let caller = request.map { Request(raw: $0).identity } ?? Caller(uid: 0, gid: 0, pid: 0)
    let mode = mode & S_IFMT == 0 ? mode | type : mode
    return NewNode(mode: mode, device: device, target: target, caller: caller)
}

/// A name that is text; nil if it is other bytes, which would not come back as they were.
private func exactText(_ name: UnsafePointer<CChar>?) -> String? {
    String(validating: bytes(name), as: UTF8.self)
}

extension RenameMode {
    /// - Parameter flags: Those of renameat2(2); nil is the answer to unknown ones.
    fileprivate init?(flags: UInt32) {
        switch flags {
        case 0: self = .replace
        case 1: self = .noReplace
        case 2: self = .exchange
        default: return nil
        }
    }
}

extension AttributePresence {
    /// - Parameter flags: Those of setxattr(2); nil is the answer to unknown ones.
    fileprivate init?(flags: Int32) {
        switch flags {
        case 0: self = .any
        case 1: self = .absent
        case 2: self = .present
        default: return nil
        }
    }
}

extension NodeChange {
    /// Decodes what SETATTR wants.
    /// - Parameters:
    ///   - attributes: The new values.
    ///   - mask: Which of them count.
    init(_ attributes: stat, mask: Int32) {
        self.init()
        func has(_ bit: Int32) -> Bool { mask & bit != 0 }
        if has(FUSE_SET_ATTR_MODE) { permissions = attributes.st_mode & 0o7777 }
        if has(FUSE_SET_ATTR_UID) { uid = attributes.st_uid }
        if has(FUSE_SET_ATTR_GID) { gid = attributes.st_gid }
        if has(FUSE_SET_ATTR_SIZE) { size = Int64(attributes.st_size) }
        if has(FUSE_SET_ATTR_ATIME) { accessed = .at(attributes.st_atim.nanoseconds) }
        if has(FUSE_SET_ATTR_ATIME_NOW) { accessed = .now }
        if has(FUSE_SET_ATTR_MTIME) { modified = .at(attributes.st_mtim.nanoseconds) }
        if has(FUSE_SET_ATTR_MTIME_NOW) { modified = .now }
        if has(FUSE_SET_ATTR_CTIME) { changed = .at(attributes.st_ctim.nanoseconds) }
    }
}
