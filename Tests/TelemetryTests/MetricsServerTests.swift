import CoreMetrics
import Glibc
import Testing

@testable import Telemetry

@Suite struct MetricsServerTests {
    private func exchange(_ port: UInt16, _ request: String) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let failed = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard failed == 0 else { return "no connection" }
        let bytes = Array(request.utf8)
        _ = send(descriptor, bytes, bytes.count, 0)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    @Test func metricsAreServedAndOtherPathsAreNot() throws {
        let registry = PrometheusRegistry()
        Counter(label: "served_total", factory: registry).increment(by: 3)
        let server = try MetricsServer(host: "127.0.0.1", port: 0, registry: registry)
        defer { server.stop() }
        let answer = exchange(server.port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.0 200 OK\r\n"))
        #expect(answer.contains("\r\n\r\n# TYPE"))
        #expect(answer.contains("served_total 3\n"))
        #expect(exchange(server.port, "GET / HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.0 404"))
        #expect(exchange(server.port, "POST /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.0 400"))
        #expect(exchange(server.port, "\r\n\r\n").hasPrefix("HTTP/1.0 400"))
    }

    @Test func aTakenPortIsNamed() throws {
        let registry = PrometheusRegistry()
        let server = try MetricsServer(host: "127.0.0.1", port: 0, registry: registry)
        defer { server.stop() }
        do {
            _ = try MetricsServer(host: "127.0.0.1", port: server.port, registry: registry)
            Issue.record("the port was taken")
        } catch {
            #expect(error.description.hasSuffix(":\(server.port): Address already in use"))
        }
    }
}
