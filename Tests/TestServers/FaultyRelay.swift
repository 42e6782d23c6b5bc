import Glibc
import Synchronization

/// Stands before an HTTP server of this machine, counts what is asked of it, and spoils some of the answers.
///
/// Takes each request whole, then passes it on; one connection to the server for each of its own.
public final class FaultyRelay: Sendable {
    /// What becomes of a request.
    public enum Fate: Sendable {
        /// It is passed on, and so is the answer.
        case pass
        /// The server gets it, and the answer is thrown away with the connection.
        case lose
        /// The server gets it twice; the second answer is passed on.
        case double
        /// The server does not get it.
        case answer(Int, String)
    }

    /// One request that came.
    public struct Request: Sendable {
        /// `PUT /bucket/key?query`.
        public var line: String
        /// Request line and fields.
        public var head: String
        /// Length of its body in bytes.
        public var count: Int
    }

    private let log = Mutex<[Request]>([])
    private let upstream: Int
    private let fate: @Sendable (Int, Request) -> Fate
    private let front = Mutex<RawServer?>(nil)

    /// Starts listening.
    /// - Parameters:
    ///   - upstream: The port of the server on 127.0.0.1.
    ///   - fate: Gets the number of the request, from 0, and the request.
    /// - Throws: ``TestServerError/system(_:)``.
    public init(
        to upstream: Int,
        _ fate: @escaping @Sendable (Int, Request) -> Fate = { _, _ in .pass }
    ) throws {
        self.upstream = upstream
        self.fate = fate
        let server = try RawServer { [weak self] connection in
            guard let server = Self.connect(to: upstream) else { return }
            defer { close(server) }
            while let head = connection.readRequest() {
                guard let self, relay(head, connection, server) else { return }
            }
        }
        front.withLock { $0 = server }
    }

    /// `http://127.0.0.1:port`.
    public var url: String { front.withLock { $0?.url ?? "" } }

    /// What came, in order.
    public var requests: [Request] { log.withLock { $0 } }

    /// Forgets what came.
    public func reset() { log.withLock { $0 = [] } }

    private func relay(_ head: String, _ connection: RawServer.Connection, _ server: Int32) -> Bool {
        let body = connection.readBody(of: head)
        let line = head.prefix { $0 != "\r\n" }.split(separator: " ").prefix(2).joined(separator: " ")
        let request = Request(line: line, head: head, count: body.count)
        let number = log.withLock { log in
            log.append(request)
            return log.count - 1
        }
        let bytes = Array(head.utf8) + body
        let isHead = head.hasPrefix("HEAD")
        switch fate(number, request) {
        case .pass:
            guard let answer = Self.ask(bytes, server, isHead: isHead) else { return false }
            connection.send(answer)
            return true
        case .lose:
            _ = Self.ask(bytes, server, isHead: isHead)
            return false
        case .double:
            _ = Self.ask(bytes, server, isHead: isHead)
            guard let answer = Self.ask(bytes, server, isHead: isHead) else { return false }
            connection.send(answer)
            return true
        case .answer(let status, let text):
            connection.respond(status, [], Array(text.utf8))
            return true
        }
    }

    private static func ask(_ request: [UInt8], _ server: Int32, isHead: Bool) -> [UInt8]? {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                send(server, $0.baseAddress?.advanced(by: sent), request.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return nil }
            sent += count
        }
        guard let head = readHead(server) else { return nil }
        let text = String(decoding: head, as: UTF8.self).lowercased()
        if isHead || text.contains(" 204 ") { return head }
        for line in text.split(separator: "\r\n") where line.hasPrefix("content-length:") {
            return head + RawServer.read(Int(line.dropFirst(15).filter(\.isNumber)) ?? 0, from: server)
        }
        var chunked = head
        while !chunked.suffix(5).elementsEqual("0\r\n\r\n".utf8) {
            let byte = RawServer.read(1, from: server)
            guard !byte.isEmpty else { return nil }
            chunked += byte
        }
        return chunked
    }

    private static func readHead(_ server: Int32) -> [UInt8]? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            let byte = RawServer.read(1, from: server)
            guard !byte.isEmpty else { return nil }
            head += byte
        }
        // An interim answer is followed by the final one.
        if head.starts(with: "HTTP/1.1 100".utf8) { return readHead(server) }
        return head
    }

    private static func connect(to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
