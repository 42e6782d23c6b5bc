import Glibc
import HTTPTransport
import Testing
import TestServers

@Suite("Deadlines kept to the millisecond", .timeLimit(.minutes(10)))
struct PreciseTransportTests {
    /// A transport that keeps deadlines to the millisecond.
    private func precise(stall: Duration = .seconds(10)) -> HTTPTransport {
        var options = HTTPTransportOptions()
        options.isPrecise = true
        options.stallTimeout = stall
        return HTTPTransport(options: options)
    }

    @Test func `a precise transport gives up an answer that does not begin in the request's time`() throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.wait(seconds: 5)
        }
        var request = HTTPRequest(url: server.url)
        request.firstByteTimeout = .milliseconds(150)
        let start = ContinuousClock.now
        let error = #expect(throws: TransportError.self) { try precise().send(request) }
        let time = start.duration(to: .now)
        guard case .timedOut? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(time >= .milliseconds(150) && time < .milliseconds(600), "\(time)")
    }

    @Test func `a precise transport gives up a transfer that stands still after less than a second`() throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.wait(seconds: 5)
        }
        var request = HTTPRequest(url: server.url)
        request.firstByteTimeout = .milliseconds(100)
        let start = ContinuousClock.now
        #expect(throws: TransportError.self) { try precise(stall: .milliseconds(300)).send(request) }
        let time = start.duration(to: .now)
        #expect(time >= .milliseconds(300) && time < .milliseconds(800), "\(time)")
    }

    @Test func `a precise transport keeps its connections, and slow answers that move are no matter`() throws
    {
        let server = try RawServer.answering { number, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            for _ in 0..<4 {
                connection.send("x")
                if number == 1 { usleep(100_000) }
            }
            return true
        }
        let transport = precise(stall: .milliseconds(250))
        for _ in 0..<4 { #expect(try transport.send(HTTPRequest(url: server.url)).body.count == 4) }
        #expect(server.connectionCount == 1)
    }

    @Test func `many threads share a precise transport`() throws {
        let server = try RawServer.answering { _, request, connection in
            connection.respond(200, [], Array((request.split(separator: " ").dropFirst().first ?? "").utf8))
            return true
        }
        let transport = precise()
        try TestThreads.run(8) { thread in
            for index in 0..<50 {
                let body = try transport.send(HTTPRequest(url: "\(server.url)/\(thread)-\(index)")).body
                #expect(String(decoding: body, as: UTF8.self) == "/\(thread)-\(index)")
            }
        }
        #expect(server.connectionCount <= 8)
    }
}
