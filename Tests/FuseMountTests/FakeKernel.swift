import CFuse3
import CMountTestSupport
import Glibc
import Logging

@testable import FuseMount

/// The kernel's end of a session, as far as INIT and GETATTR go: a socket in the place of /dev/fuse, whose
/// reads fail where those of the device rarely do.
struct FakeKernel {
    let session: FuseSession
    let ending = Told<FuseSession.Ending>()
    private let socket: Int32

    /// A session at work, one of whose threads waits for the next request.
    init?(logger: Logger) {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return nil }
        socket = ends[1]
        session = FuseSession(
            operations: FakeFileSystem(),
            options: MountOptions(mountpoint: "/dev/fd/\(ends[0])", fsname: "s3://bucket"),
            logger: logger,
            handOver: { _ in false }
        )
        // Version 7.36, read ahead, flags.
        guard ask(26, [7, 36, 65536, 0]), (try? session.mount()) != nil, takeReply() else { return nil }
        startTestThread { [session, ending] in ending.tell(session.run()) }
        // With the first request a second thread starts.
        guard askAttributes(), takeReply() else { return nil }
    }

    /// Asks for what the root is.
    func askAttributes() -> Bool { ask(3, [0, 0, 0, 0]) }

    /// Waits for a reply, and leaves it unread.
    func hasReply() -> Bool {
        var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 5000) == 1
    }

    /// Hangs up: one read of the other end fails with ECONNRESET if a reply is unread, each other finds the
    /// end.
    func hangUp() { close(socket) }

    private func takeReply() -> Bool {
        var reply = [UInt8](repeating: 0, count: 4096)
        return hasReply() && recv(socket, &reply, reply.count, 0) > 0
    }

    private func ask(_ operation: UInt32, _ body: [UInt32]) -> Bool {
        // Length, operation, number, node, user, group, process, padding: `struct fuse_in_header`.
        let header: [UInt32] = [UInt32(40 + body.count * 4), operation, 2, 0, 1, 0, 0, 0, 0, 0]
        return (header + body).withUnsafeBytes { send(socket, $0.baseAddress, $0.count, 0) == $0.count }
    }
}
