import Glibc
import Synchronization

/// A server on loopback that says exactly what a test wants, byte for byte.
///
/// One thread for each connection.
public final class RawServer: Sendable {
    /// One accepted connection.
    public final class Connection: Sendable {
        /// Which connection of the server this is, from 0.
        public let index: Int
        private let descriptor: Int32

        fileprivate init(index: Int, descriptor: Int32) {
            self.index = index
            self.descriptor = descriptor
        }

        /// Reads to the end of the next request's header fields.
        /// - Returns: Request line and fields, or nil if the peer closed.
        public func readRequest() -> String? {
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while recv(descriptor, &byte, 1, 0) == 1 {
                bytes.append(byte)
                if bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
                    return String(decoding: bytes, as: UTF8.self)
                }
            }
            return nil
        }

        /// Reads the body that belongs to a request.
        /// - Parameter request: What ``readRequest()`` gave.
        /// - Returns: As many bytes as its `Content-Length` says; fewer if the peer closed.
        public func readBody(of request: String) -> [UInt8] {
            var count = 0
            for line in request.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:")
            {
                count = Int(line.dropFirst(15).filter(\.isNumber)) ?? 0
            }
            return RawServer.read(count, from: descriptor)
        }

        /// Sends text.
        /// - Parameter text: What to send.
        public func send(_ text: String) { send(Array(text.utf8)) }

        /// Sends bytes; a peer that left is no error.
        /// - Parameter bytes: What to send.
        public func send(_ bytes: [UInt8]) { RawServer.send(bytes, to: descriptor) }

        /// Sends a response with its length.
        /// - Parameters:
        ///   - status: The code.
        ///   - fields: Header fields beside the length.
        ///   - body: The body.
        public func respond(_ status: Int, _ fields: [String] = [], _ body: [UInt8] = []) {
            let lines = ["HTTP/1.1 \(status) Status"] + fields + ["Content-Length: \(body.count)", "", ""]
            send(Array(lines.joined(separator: "\r\n").utf8) + body)
        }

        /// Waits, and returns early when the peer closes.
        /// - Parameter seconds: How long.
        public func wait(seconds: Int) {
            var entry = pollfd(fd: descriptor, events: Int16(pollReadHangUp), revents: 0)
            poll(&entry, 1, Int32(seconds * 1000))
        }

        /// Ends the connection with a reset instead of an orderly close.
        public func reset() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// Sends bytes through a socket; a peer that left is no error.
    /// - Parameters:
    ///   - bytes: What to send.
    ///   - descriptor: A connected socket.
    public static func send(_ bytes: [UInt8], to descriptor: Int32) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor,
                    buffer.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Where it listens, on 127.0.0.1.
    public let port: Int
    private let listener: Int32
    private let accepted = Atomic(0)
    private let log = Mutex<[String]>([])

    /// `http://127.0.0.1:port`.
    public var url: String { "http://127.0.0.1:\(port)" }
    /// How many connections came.
    public var connectionCount: Int { accepted.load(ordering: .relaxed) }
    /// The requests that ``Script`` servers got, in order.
    public var requests: [String] { log.withLock { $0 } }

    /// Starts listening.
    /// - Parameter handler: Serves one connection on a thread of its own; the connection closes when it
    ///   returns.
    /// - Throws: ``TestServerError/system(_:)``.
    public init(_ handler: @escaping @Sendable (Connection) -> Void) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw TestServerError.system("bind or listen: errno \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        try TestThreads.start { [weak self] in
            while true {
                // Only this thread closes the listener: its number may be another server's right after.
                let peer = accept(descriptor, nil, nil)
                guard peer >= 0 else {
                    close(descriptor)
                    return
                }
                guard let self else {
                    close(peer)
                    close(descriptor)
                    return
                }
                let connection = Connection(
                    index: accepted.add(1, ordering: .relaxed).oldValue,
                    descriptor: peer
                )
                do {
                    try TestThreads.start {
                        handler(connection)
                        close(peer)
                    }
                } catch {
                    close(peer)
                }
            }
        }
    }

    /// Starts a server that answers each request by a closure, keeping connections open.
    /// - Parameter answer: Gets the number of the request, from 0, its text and the connection; returns
    ///   whether the connection stays open.
    /// - Returns: The server.
    /// - Throws: ``TestServerError/system(_:)``.
    public static func answering(
        _ answer: @escaping @Sendable (Int, String, Connection) -> Bool
    ) throws -> RawServer {
        let box = Box()
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                guard let server = box.server.withLock({ $0.value }) else { return }
                let number = server.log.withLock { log in
                    log.append(request)
                    return log.count - 1
                }
                guard answer(number, request, connection) else { return }
            }
        }
        box.server.withLock { $0.value = server }
        return server
    }

    private final class Box: Sendable {
        struct Weak: Sendable { weak var value: RawServer? }
        let server = Mutex(Weak())
    }

    /// Reads so many bytes; fewer if the peer closes.
    static func read(_ count: Int, from descriptor: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = recv(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, 0)
                guard got > 0 else { return }
                filled += got
            }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }
}

/// `POLLRDHUP`, which Glibc's module leaves out: the peer closed its side.
private let pollReadHangUp = 0x2000
