import CFuse3
import CFuse3Shim
import FileSystem
import Glibc
import Pages

/// A request of libfuse that has not been answered. Each way of answering ends its life; it must not be
/// touched after that.
// Safety: libfuse lets any one thread answer a request. Who may is decided by owning the value while the
// callback runs, and by `PendingReply.claim()` after it was handed over.
struct Request: @unchecked Sendable {
    let raw: fuse_req_t

    /// What a reply came to.
    struct Sent {
        /// 0, or the negative errno with which the device refused the reply: nobody has got it.
        var status: Int32
        /// File contents that were sent, in bytes.
        var bytes = 0
        /// Whether they were spliced.
        var wasSpliced = false
        /// Whether the file that held them was shorter than promised, so that EIO was sent instead.
        var wasShort = false
    }

    /// The thread that waits for the answer, in the daemon's pid namespace; 0 if it cannot be seen from
    /// there.
    var caller: pid_t { fuse_req_ctx(raw).pointee.pid }

    /// Who asks.
    var identity: Caller {
        let context = fuse_req_ctx(raw).pointee
        return Caller(uid: context.uid, gid: context.gid, pid: context.pid)
    }

    /// Its identity among requests that are not answered.
    var key: UInt { UInt(bitPattern: raw) }

    /// Answers with an errno; 0 is success without data.
    @discardableResult
    func reply(errno: Int32) -> Sent { Sent(status: fuse_reply_err(raw, errno)) }

    /// Answers a request that wants no answer.
    func replyNone() { fuse_reply_none(raw) }

    /// Answers with what the file system gave.
    /// - Parameters:
    ///   - answer: What it gave.
    ///   - directIO: Whether opened files go round the kernel's page cache.
    /// - Returns: What became of the reply.
    func reply(_ answer: Answer, directIO: Bool) -> Sent {
        switch answer {
        case .entry(let node):
            var entry = fuse_entry_param(node)
            return Sent(status: fuse_reply_entry(raw, &entry))
        case .noEntry(let valid):
            return replyMissing(valid: valid)
        case .attributes(let node):
            var attributes = stat(node)
            return Sent(status: fuse_reply_attr(raw, &attributes, node.attributesValid.seconds))
        case .opened(let file, let flags):
            var info = fuse_file_info(file, directIO: directIO)
            // Nothing is ever dirty in a file that was opened for reading, so close need not ask.
            info.noflush = flags & O_ACCMODE == O_RDONLY ? 1 : 0
            return Sent(status: fuse_reply_open(raw, &info))
        case .created(let node, let file):
            var entry = fuse_entry_param(node)
            // A new file is dirty until it is stored, however it was opened.
            var info = fuse_file_info(file, directIO: directIO)
            return Sent(status: fuse_reply_create(raw, &entry, &info))
        case .written(let count):
            return Sent(status: fuse_reply_write(raw, count))
        case .openedDirectory(let handle):
            var info = fuse_file_info()
            info.fh = handle
            return Sent(status: fuse_reply_open(raw, &info))
        case .bytes(let bytes):
            return reply(bytes)
        case .entries(let buffer):
            return reply(buffer: buffer.bytes)
        case .text(let text):
            return Sent(status: (text + [0]).withUnsafeBytes { fuse_reply_readlink(raw, $0.baseAddress) })
        case .value(let value, let room):
            return reply(value, room: room)
        case .offset(let offset):
            return Sent(status: fuse_reply_lseek(raw, off_t(offset)))
        case .statistics(let statistics):
            var totals = statvfs(statistics)
            return Sent(status: fuse_reply_statfs(raw, &totals))
        case .done:
            return reply(errno: 0)
        }
    }

    private func replyMissing(valid: Duration) -> Sent {
        guard valid > .zero else { return reply(errno: Errno.of(.notFound)) }
        var nothing = fuse_entry_param()
        nothing.entry_timeout = valid.seconds
        return Sent(status: fuse_reply_entry(raw, &nothing))
    }

    private func reply(buffer: UnsafeRawBufferPointer) -> Sent {
        Sent(
            status: fuse_reply_buf(raw, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        )
    }

    private func reply(_ value: [UInt8], room: Int) -> Sent {
        if room == 0 { return Sent(status: fuse_reply_xattr(raw, value.count)) }
        guard value.count <= room else { return reply(errno: Errno.valueTooLong) }
        return value.withUnsafeBytes { reply(buffer: $0) }
    }

    /// Sends file contents; what keeps them in place is held until they are out.
    private func reply(_ bytes: PinnedBytes) -> Sent {
        bytes.withPieces { pieces in
            withUnsafeTemporaryAllocation(of: afuse_piece.self, capacity: max(pieces.count, 1)) { raws in
                var count = 0
                var total = 0
                for piece in pieces where piece.count > 0 {
                    raws.initializeElement(at: count, to: afuse_piece(piece))
                    count += 1
                    total += piece.count
                }
                var outcome: UInt32 = 0
                let status = afuse_reply_pieces(raw, raws.baseAddress, count, &outcome)
                return Sent(
                    status: status,
                    bytes: total,
                    wasSpliced: outcome & UInt32(AFUSE_REPLY_SPLICED) != 0,
                    wasShort: outcome & UInt32(AFUSE_REPLY_SHORT) != 0
                )
            }
        }
    }
}

extension fuse_file_info {
    /// An opened file.
    fileprivate init(_ file: OpenedFile, directIO: Bool) {
        self.init()
        fh = file.handle
        keep_cache = file.keepsKernelPages ? 1 : 0
        direct_io = directIO ? 1 : 0
    }
}

extension afuse_piece {
    init(_ piece: PinnedBytes.Piece) {
        self.init()
        switch piece {
        case .memory(let bytes):
            memory = bytes.baseAddress
            count = bytes.count
        case .file(let descriptor, let offset, let count):
            self.descriptor = descriptor
            self.offset = offset
            self.count = count
        }
    }
}
