import Glibc
import Synchronization
import Threading

/// Why metrics cannot be served.
public struct MetricsServerError: Error, CustomStringConvertible {
    /// Address and reason in one line.
    public let description: String
}

/// Serves the registry's text over HTTP/1.0: `GET /metrics`, one caller at a time, on a thread of its own.
///
/// Meant for a scraper every few seconds; a slow or silent caller is cut off after ``callerDeadlineSeconds``.
public final class MetricsServer: Sendable {
    /// How long one caller may take, in seconds.
    public static let callerDeadlineSeconds = 2
    /// The longest request that is read, in bytes.
    public static let requestMaximum = 8192

    private let listener: Int32
    private let registry: PrometheusRegistry
    private let isHealthy: (@Sendable () -> Bool)?
    private let isStopped = Atomic(false)
    /// The port that is listened on.
    public let port: UInt16

    /// Listens and starts the thread.
    /// - Parameters:
    ///   - host: An IPv4 address.
    ///   - port: The port; 0 for any free one.
    ///   - registry: What is served.
    ///   - isHealthy: What `GET /healthz` asks, on the server's thread: 200 or 503; nil: there is no such
    ///     path.
    /// - Throws: ``MetricsServerError`` if the address cannot be listened on.
    public init(
        host: String,
        port: UInt16,
        registry: PrometheusRegistry,
        isHealthy: (@Sendable () -> Bool)? = nil
    ) throws(MetricsServerError) {
        self.registry = registry
        self.isHealthy = isHealthy
        (self.listener, self.port) = try Self.listen(host, port)
        try start()
    }

    /// Stops listening.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func listen(_ host: String, _ port: UInt16) throws(MetricsServerError) -> (Int32, UInt16) {
        func failure(_ what: String) -> MetricsServerError {
            MetricsServerError(description: "metrics cannot be served at \(host):\(port): \(what)")
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { throw failure("not an IPv4 address") }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw failure(String(cString: strerror(errno))) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) != 0 || Glibc.listen(descriptor, 16) != 0
                    || getsockname(descriptor, generic, &length) != 0
            }
        }
        if failed {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw failure(reason)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func start() throws(MetricsServerError) {
        do {
            try NamedThread.start("metrics") { self.loop() }
        } catch {
            close(listener)
            throw MetricsServerError(description: "metrics cannot be served: \(error)")
        }
    }

    private func loop() {
        while !isStopped.load(ordering: .acquiring) {
            let caller = accept(listener, nil, nil)
            guard caller >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                // Out of descriptors, or stopped: neither may spin.
                usleep(100_000)
                continue
            }
            answer(caller)
            close(caller)
        }
        close(listener)
    }

    private func answer(_ caller: Int32) {
        var limit = timeval(tv_sec: Self.callerDeadlineSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(caller, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(caller, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard let path = Self.path(ofRequest: readRequest(caller)) else {
            send(caller, "400 Bad Request", "")
            return
        }
        if path == "/metrics" || path == "/metrics/" {
            send(caller, "200 OK", registry.text())
        } else if path == "/healthz", let isHealthy {
            let isWell = isHealthy()
            send(caller, isWell ? "200 OK" : "503 Service Unavailable", isWell ? "ok\n" : "no\n")
        } else {
            send(caller, "404 Not Found", "metrics are under /metrics\n")
        }
    }

    private func readRequest(_ caller: Int32) -> [UInt8] {
        let end = ContinuousClock.now + .seconds(Self.callerDeadlineSeconds)
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 2048)
        while request.count < Self.requestMaximum && ContinuousClock.now < end {
            let count = recv(caller, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            request += buffer[..<count]
            if request.suffix(4) == [13, 10, 13, 10] { break }
        }
        return request
    }

    /// The path of a GET request, without its query; nil if it is none.
    static func path(ofRequest bytes: [UInt8]) -> String? {
        let line = String(decoding: bytes.prefix { $0 != 13 && $0 != 10 }, as: UTF8.self)
        let words = line.split(separator: " ")
        guard words.count == 3, words[0] == "GET", words[2].hasPrefix("HTTP/1.") else { return nil }
        return String(words[1].prefix { $0 != "?" })
    }

    private func send(_ caller: Int32, _ status: String, _ body: String) {
        let head = """
            HTTP/1.0 \(status)\r
            Content-Type: text/plain; version=0.0.4; charset=utf-8\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r

            """
        var rest = Array((head + body).utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(caller, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
