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

    /// Processor time of this thread.
    private func worked(_ body: () throws -> Void) rethrows -> Duration {
        func now() -> Duration {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        let before = now()
        try body()
        return now() - before
    }

    @Test func `a lone request looks for its answer until its time is over, and then sleeps`() throws {
        let server = try RawServer.answering { _, request, connection in
            usleep(request.hasPrefix("GET /late") ? 200_000 : 0)
            connection.respond(200, [], Array("ok".utf8))
            return true
        }
        let transport = precise()
        func time(_ busyPoll: Duration?) throws -> Duration {
            var request = HTTPRequest(url: "\(server.url)/late")
            request.busyPoll = busyPoll
            return try worked { _ = try transport.send(request) }
        }
        let (asleep, half, awake) = try (time(nil), time(.milliseconds(60)), time(.seconds(1)))
        // Others run beside this test, so little of the time may be this thread's; but it is some.
        #expect(awake > asleep * 4, "\(asleep) \(half) \(awake)")
        #expect(half < .milliseconds(100), "\(half)")
        #expect(half > asleep, "\(asleep) \(half)")
    }

    @Test func `beside another exchange of its transport a request sleeps`() throws {
        let server = try RawServer.answering { _, request, connection in
            usleep(request.hasPrefix("GET /long") ? 600_000 : 100_000)
            connection.respond(200, [], Array("ok".utf8))
            return true
        }
        let transport = precise()
        try TestThreads.run(2) { thread in
            guard thread == 1 else {
                _ = try transport.send(HTTPRequest(url: "\(server.url)/long"))
                return
            }
            usleep(200_000)
            var request = HTTPRequest(url: "\(server.url)/short")
            request.busyPoll = .seconds(1)
            let time = try worked { _ = try transport.send(request) }
            #expect(time < .milliseconds(20), "\(time)")
        }
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
