import CFuse3
import CFuse3Shim
import FileSystem
import Glibc
import Metadata

/// The callbacks that change something.
extension Callbacks {
    static func addChanges(to table: inout fuse_lowlevel_ops) {
        addNewNames(to: &table)
        addNameChanges(to: &table)
        addContents(to: &table)
        addAttributeChanges(to: &table)
    }

    private static func addNewNames(to table: inout fuse_lowlevel_ops) {
        table.create = { request, parent, name, mode, info in
            let flags = info?.pointee.flags ?? 0
            change(request, .create(lent(name), in: NodeID(parent), new(request, mode), flags: flags))
        }
        table.mknod = { request, parent, name, mode, device in
            var node = new(request, mode)
            node.device = UInt64(device)
            change(request, .make(lent(name), in: NodeID(parent), node, .mknod))
        }
        table.mkdir = { request, parent, name, mode in
            // The kernel gives the permission bits only.
            let node = new(request, Glibc.S_IFDIR | mode & 0o7777)
            change(request, .make(lent(name), in: NodeID(parent), node, .mkdir))
        }
        table.symlink = { request, target, parent, name in
            var node = new(request, Glibc.S_IFLNK | 0o777)
            node.target = target.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
            change(request, .make(lent(name), in: NodeID(parent), node, .symlink))
        }
        table.link = { request, node, parent, name in
            change(request, .link(NodeID(node), to: lent(name), in: NodeID(parent)))
        }
    }

    private static func addNameChanges(to table: inout fuse_lowlevel_ops) {
        table.unlink = { request, parent, name in
            change(request, .unlink(lent(name), in: NodeID(parent)))
        }
        table.rmdir = { request, parent, name in
            change(request, .removeDirectory(lent(name), in: NodeID(parent)))
        }
        table.rename = { request, parent, name, newParent, newName, flags in
            let mode: RenameMode
            switch flags {
            case 0: mode = .replace
            case 1: mode = .noReplace
            case 2: mode = .exchange
            default: return conclude(request, .rename, errno: EINVAL)
            }
            change(
                request,
                .rename(lent(name), in: NodeID(parent), to: lent(newName), newParent: NodeID(newParent), mode)
            )
        }
    }

    private static func addContents(to table: inout fuse_lowlevel_ops) {
        table.write = { request, _, bytes, count, offset, info in
            let bytes = UnsafeRawBufferPointer(start: bytes, count: count)
            change(request, .write(info?.pointee.fh ?? 0, offset: Int64(offset), .lent(bytes)))
        }
        table.flush = { request, _, info in change(request, .flush(info?.pointee.fh ?? 0)) }
        table.release = { request, _, info in change(request, .release(info?.pointee.fh ?? 0)) }
        table.fsync = { request, _, dataOnly, info in
            change(request, .sync(info?.pointee.fh ?? 0, dataOnly: dataOnly != 0))
        }
        table.fsyncdir = { request, _, _, info in change(request, .syncDirectory(info?.pointee.fh ?? 0)) }
        table.fallocate = { request, _, mode, offset, count, info in
            let handle = info?.pointee.fh ?? 0
            change(request, .allocate(handle, mode: mode, offset: Int64(offset), count: Int64(count)))
        }
        table.copy_file_range = { request, _, offset, info, _, targetOffset, targetInfo, count, _ in
            change(
                request,
                .copy(
                    from: info?.pointee.fh ?? 0,
                    offset: Int64(offset),
                    to: targetInfo?.pointee.fh ?? 0,
                    targetOffset: Int64(targetOffset),
                    count: count
                )
            )
        }
    }

    private static func addAttributeChanges(to table: inout fuse_lowlevel_ops) {
        table.setattr = { request, node, attributes, wanted, info in
            guard let attributes else { return conclude(request, .setattr, errno: EINVAL) }
            let handle = info.map { HandleID($0.pointee.fh) }
            change(request, .attributes(NodeID(node), NodeChange(attributes.pointee, wanted), handle))
        }
        table.setxattr = { request, node, name, value, count, flags in
            let presence: AttributePresence
            switch flags {
            case 0: presence = .any
            case 1: presence = .absent
            case 2: presence = .present
            default: return conclude(request, .setxattr, errno: EINVAL)
            }
            let value = UnsafeRawBufferPointer(start: value, count: count)
            change(request, .setExtendedAttribute(text(name), .lent(value), presence, of: NodeID(node)))
        }
        table.removexattr = { request, node, name in
            change(request, .removeExtendedAttribute(text(name), of: NodeID(node)))
        }
    }
}

private func change(_ request: fuse_req_t?, _ change: @autoclosure () -> Change) {
    serve(request, .change(change()))
}

private func lent(_ name: UnsafePointer<CChar>?) -> RequestBytes { .lent(bytes(name)) }

/// What is to be made, and for whom.
private func new(_ request: fuse_req_t?, _ mode: mode_t) -> NewNode {
    let context = request.map { fuse_req_ctx($0).pointee }
    let caller = Caller(uid: context?.uid ?? 0, gid: context?.gid ?? 0, pid: context?.pid ?? 0)
    return NewNode(mode: mode, caller: caller)
}

extension NodeChange {
    /// What the kernel wants changed.
    init(_ attributes: stat, _ wanted: Int32) {
        self.init()
        if wanted & FUSE_SET_ATTR_MODE != 0 { permissions = attributes.st_mode & 0o7777 }
        if wanted & FUSE_SET_ATTR_UID != 0 { uid = attributes.st_uid }
        if wanted & FUSE_SET_ATTR_GID != 0 { gid = attributes.st_gid }
        if wanted & FUSE_SET_ATTR_SIZE != 0 { size = Int64(attributes.st_size) }
        if wanted & FUSE_SET_ATTR_ATIME_NOW != 0 {
            accessed = .now
        } else if wanted & FUSE_SET_ATTR_ATIME != 0 {
            accessed = .at(attributes.st_atim.nanoseconds)
        }
        if wanted & FUSE_SET_ATTR_MTIME_NOW != 0 {
            modified = .now
        } else if wanted & FUSE_SET_ATTR_MTIME != 0 {
            modified = .at(attributes.st_mtim.nanoseconds)
        }
    }
}

extension timespec {
    /// Nanoseconds since 1970.
    fileprivate var nanoseconds: Int64 { Int64(tv_sec) * 1_000_000_000 + Int64(tv_nsec) }
}
