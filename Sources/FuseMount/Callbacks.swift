import CFuse3
import CFuse3Shim
import FileSystem
import Glibc
import Synchronization

/// The functions that libfuse calls: each decodes its request and passes it on.
///
/// flock, getlk, setlk, poll, ioctl and bmap are left out: the kernel then does them itself.
enum Callbacks {
    /// The table for `fuse_session_new`.
    static func table() -> fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        addSession(to: &table)
        addNames(to: &table)
        addFiles(to: &table)
        addDirectories(to: &table)
        addAttributes(to: &table)
        addAttributeChanges(to: &table)
        addContentChanges(to: &table)
        addNewNames(to: &table)
        addNameChanges(to: &table)
        return table
    }

    private static func addSession(to table: inout fuse_lowlevel_ops) {
        table.`init` = { channel, connection in
            guard let channel, let connection else { return }
            let context = channel.assumingMemoryBound(to: afuse_channel.self).pointee.context
            guard let context else { return }
            // Safety: the session keeps its dispatcher for longer than libfuse's threads run.
            let dispatcher = Unmanaged<Dispatcher>.fromOpaque(context).takeUnretainedValue()
            let agreed = NegotiatedSession.negotiate(&connection.pointee, dispatcher.options)
            dispatcher.negotiation.withLock { $0 = agreed }
        }
        table.statfs = { request, _ in serve(request, .statistics) }
    }

    private static func addNames(to table: inout fuse_lowlevel_ops) {
        table.lookup = { request, parent, name in
            serve(request, .lookup(.lent(bytes(name)), in: NodeID(parent)))
        }
        table.forget = { request, node, count in
            guard let request else { return }
            Dispatcher.of(request).operations.forget(NodeID(node), count: count)
            Request(raw: request).replyNone()
        }
        table.forget_multi = { request, count, nodes in
            guard let request else { return }
            let operations = Dispatcher.of(request).operations
            for node in UnsafeBufferPointer(start: nodes, count: count) {
                operations.forget(NodeID(node.ino), count: node.nlookup)
            }
            Request(raw: request).replyNone()
        }
        table.readlink = { request, node in serve(request, .linkTarget(NodeID(node))) }
    }

    private static func addFiles(to table: inout fuse_lowlevel_ops) {
        table.open = { request, node, info in
            serve(request, .open(NodeID(node), flags: info?.pointee.flags ?? 0))
        }
        table.read = { request, _, count, offset, info in
            serve(request, .read(info?.pointee.fh ?? 0, offset: Int64(offset), count: count))
        }
        table.lseek = { request, _, offset, whence, info in
            serve(request, .seek(info?.pointee.fh ?? 0, from: Int64(offset), whence: whence))
        }
        table.release = { request, _, info in serve(request, .release(info?.pointee.fh ?? 0)) }
    }

    private static func addDirectories(to table: inout fuse_lowlevel_ops) {
        table.opendir = { request, node, _ in serve(request, .openDirectory(NodeID(node))) }
        table.readdir = { request, _, room, cookie, info in
            let handle = info?.pointee.fh ?? 0
            serve(
                request,
                .readDirectory(handle, cookie: UInt64(bitPattern: Int64(cookie)), room: room, plus: false)
            )
        }
        table.readdirplus = { request, _, room, cookie, info in
            let handle = info?.pointee.fh ?? 0
            serve(
                request,
                .readDirectory(handle, cookie: UInt64(bitPattern: Int64(cookie)), room: room, plus: true)
            )
        }
        table.releasedir = { request, _, info in
            guard let request else { return }
            Dispatcher.of(request).operations.releaseDirectory(info?.pointee.fh ?? 0)
            conclude(request, .releasedir, errno: 0)
        }
    }

    private static func addAttributes(to table: inout fuse_lowlevel_ops) {
        table.getattr = { request, node, _ in serve(request, .attributes(NodeID(node))) }
        table.access = { request, node, mask in
            guard let request else { return }
            // Who checks permissions has the kernel do it, which then does not ask.
            guard mask & W_OK != 0 else { return conclude(request, .access, errno: 0) }
            let isReadOnly = Dispatcher.of(request).options.isReadOnly
            guard !isReadOnly else { return conclude(request, .access, errno: Errno.readOnly) }
            serve(request, .checkWritable(NodeID(node)))
        }
        table.getxattr = { request, node, name, room in
            serve(request, .extendedAttribute(text(name), of: NodeID(node), room: room))
        }
        table.listxattr = { request, node, room in
            serve(request, .extendedAttributeNames(of: NodeID(node), room: room))
        }
    }
}

// Functions of the file, not of the type: closures that C calls may not capture even a type.

func serve(_ request: fuse_req_t?, _ operation: @autoclosure () -> Operation) {
    guard let request else { return }
    Dispatcher.of(request).serve(Request(raw: request), operation())
}

func conclude(_ request: fuse_req_t?, _ kind: OperationKind, errno: Int32) {
    guard let request else { return }
    Dispatcher.of(request).conclude(Request(raw: request), kind, errno: errno)
}

func bytes(_ name: UnsafePointer<CChar>?) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: name, count: name.map { strlen($0) } ?? 0)
}

func text(_ name: UnsafePointer<CChar>?) -> String {
    String(decoding: bytes(name), as: UTF8.self)
}
