import Glibc
import HTTPTransport
import Synchronization
import Testing
import TestServers

@Suite(.timeLimit(.minutes(10)))
struct HTTPTransportTests {
    private func transport(_ change: (inout HTTPTransportOptions) -> Void = { _ in }) -> HTTPTransport {
        var options = HTTPTransportOptions()
        options.connectTimeout = .seconds(1)
        change(&options)
        return HTTPTransport(options: options)
    }

    @Test func `a response comes with its head, and names are found in lower case`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, ["X-Thing:  padded value ", "ETag: \"a\""], Array("hello".utf8))
            return true
        }
        let response = try transport().send(HTTPRequest(url: "\(server.url)/a%2Fb/../c?x=%20"))
        #expect(response.head.status == 200)
        #expect(response.head["x-thing"] == "padded value")
        #expect(response.head.headers.map(\.name) == ["x-thing", "etag", "content-length"])
        #expect(response.head["none"] == nil)
        #expect(response.body == Array("hello".utf8))
        #expect(server.requests[0].hasPrefix("GET /a%2Fb/../c?x=%20 HTTP/1.1\r\n"))
    }

    @Test func `connections are used again, one for requests that follow each other`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, [], [1, 2, 3])
            return true
        }
        let transport = transport()
        for _ in 0..<20 { #expect(try transport.send(HTTPRequest(url: server.url + "/")).body.count == 3) }
        #expect(server.connectionCount == 1)
        #expect(transport.closeConnections(idleFor: .zero) == 1)
        #expect(transport.closeConnections(idleFor: .zero) == 0)
    }

    @Test func `no more than the named number of connections stay idle`() throws {
        let servers = try (0..<5).map { _ in
            try RawServer.answering { _, _, connection in
                connection.respond(204)
                return true
            }
        }
        let transport = transport { $0.idleConnectionsMaximum = 3 }
        for server in servers { _ = try transport.send(HTTPRequest(url: server.url + "/")) }
        #expect(transport.closeConnections(idleFor: .zero) == 3)
    }

    @Test func `a body that ends early is broken`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
            return false
        }
        var got = 0
        let error = #expect(throws: TransportError.self) {
            try transport().stream(HTTPRequest(url: server.url + "/")) { _ in
                true
            } onBody: { bytes in
                got += bytes.count
                return true
            }
        }
        guard case .broken(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("127.0.0.1:\(server.port)"))
        #expect(got == 5)
        #expect(server.connectionCount == 1)
    }

    @Test func `bytes past the announced length are not given out and do not become the next response`()
        throws
    {
        let server = try RawServer.answering { number, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\(number)234EXTRA")
            return true
        }
        let transport = transport()
        for number in 0..<3 {
            let body = try transport.send(HTTPRequest(url: server.url + "/")).body
            #expect(String(decoding: body, as: UTF8.self) == "\(number)234")
        }
    }

    @Test func `a transfer that stands still is given up after the stall time`() throws {
        let server = try RawServer.answering { number, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            if number == 1 { connection.send("12345") }
            connection.wait(seconds: 20)
            return false
        }
        let transport = transport { $0.stallTimeout = .seconds(1) }
        for _ in 0..<2 {
            let start = ContinuousClock.now
            let error = #expect(throws: TransportError.self) {
                try transport.send(HTTPRequest(url: server.url + "/"))
            }
            guard case .timedOut(let text)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(text.contains("no byte"))
            #expect(start.duration(to: .now) > .milliseconds(900))
            #expect(start.duration(to: .now) < .seconds(4))
        }
    }

    @Test func `a slow transfer that never stands still is not given up`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            for _ in 0..<5 {
                connection.wait(seconds: 1)
                connection.send("x")
            }
            return false
        }
        let transport = transport { $0.stallTimeout = .seconds(3) }
        #expect(try transport.send(HTTPRequest(url: server.url + "/")).body.count == 5)
    }

    @Test func `the stall time of a request is its own`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.wait(seconds: 20)
            return false
        }
        var request = HTTPRequest(url: server.url + "/")
        request.stallTimeout = .seconds(1)
        let start = ContinuousClock.now
        #expect(throws: TransportError.self) { try transport().send(request) }
        #expect(start.duration(to: .now) < .seconds(4))
    }

    @Test func `another thread can end a request that waits, and later ones end at once`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.wait(seconds: 20)
            return false
        }
        let cancellation = HTTPCancellation()
        var request = HTTPRequest(url: server.url + "/")
        request.cancellation = cancellation
        try TestThreads.start {
            usleep(200_000)
            cancellation.cancel()
        }
        let transport = transport()
        let start = ContinuousClock.now
        #expect(throws: TransportError.stopped) { try transport.send(request) }
        #expect(throws: TransportError.stopped) { try transport.send(request) }
        #expect(start.duration(to: .now) < .seconds(4))
        #expect(cancellation.isCancelled)
    }

    @Test func `the total time of a request is its own`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.wait(seconds: 20)
            return false
        }
        let start = ContinuousClock.now
        let request = HTTPRequest(url: server.url + "/", totalTimeout: .milliseconds(300))
        let error = #expect(throws: TransportError.self) { try transport().send(request) }
        guard case .timedOut? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(start.duration(to: .now) < .seconds(2))
    }

    @Test func `a reset in the middle of a body is broken`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
            connection.reset()
            return false
        }
        let error = #expect(throws: TransportError.self) {
            try transport().send(HTTPRequest(url: server.url + "/"))
        }
        guard case .broken? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.connectionCount == 1)
    }

    @Test(arguments: [false, true])
    func `a kept connection that the server closed meanwhile is replaced without an error`(resets: Bool)
        throws
    {
        let server = try RawServer { connection in
            // Answers one request, reads the second and closes without a word: the client cannot see it
            // coming.
            guard connection.readRequest() != nil else { return }
            connection.respond(200, [], Array("\(connection.index)".utf8))
            _ = connection.readRequest()
            if resets { connection.reset() }
        }
        let transport = transport()
        #expect(try transport.send(HTTPRequest(url: server.url + "/")).body == Array("0".utf8))
        #expect(try transport.send(HTTPRequest(url: server.url + "/")).body == Array("1".utf8))
        #expect(server.connectionCount == 2)
    }

    @Test func `a first connection that is closed without an answer is an error, not a loop`() throws {
        let server = try RawServer { connection in _ = connection.readRequest() }
        #expect(throws: TransportError.self) { try transport().send(HTTPRequest(url: server.url + "/")) }
        #expect(server.connectionCount == 1)
    }

    @Test func `interim heads are skipped`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n")
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            connection.respond(200, ["X-Late: yes"], [7])
            return true
        }
        var heads: [Int] = []
        let response = try transport().stream(HTTPRequest(url: server.url + "/")) { head in
            heads.append(head.status)
            return false
        } onBody: { _ in
            true
        }
        #expect(heads == [200])
        #expect(response.body == [7])
        #expect(response.head["x-early"] == nil)
        #expect(response.head["x-late"] == "yes")
    }

    @Test func `chunked bodies come whole and trailers are no head`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n")
            connection.send("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
            return true
        }
        let response = try transport().send(HTTPRequest(url: server.url + "/"))
        #expect(response.body == Array("abcde".utf8))
        #expect(response.head["x-sum"] == nil)
    }

    @Test func `HEAD, bodies and GET follow each other on one connection`() throws {
        let server = try RawServer.answering { _, request, connection in
            if request.hasPrefix("HEAD") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
            } else {
                connection.respond(200, [], Array(request.prefix(4).utf8))
            }
            return true
        }
        let transport = transport()
        let url = server.url + "/"
        #expect(try transport.send(HTTPRequest(method: "HEAD", url: url)).head["content-length"] == "999")
        #expect(try transport.send(HTTPRequest(url: url)).body == Array("GET ".utf8))
        #expect(try transport.send(HTTPRequest(method: "PUT", url: url, body: [])).body == Array("PUT ".utf8))
        #expect(try transport.send(HTTPRequest(method: "DELETE", url: url)).body == Array("DELE".utf8))
        #expect(try transport.send(HTTPRequest(url: url)).body == Array("GET ".utf8))
        #expect(server.connectionCount == 1)
        let put = server.requests[2].lowercased()
        #expect(put.contains("content-length: 0"))
        #expect(!put.contains("expect:"))
        #expect(!put.contains("content-type:"))
    }

    @Test func `a refused connection names host and cause`() throws {
        let port = SupervisedProcess.freePorts(1)[0]
        let error = #expect(throws: TransportError.self) {
            try transport().send(HTTPRequest(url: "http://127.0.0.1:\(port)/"))
        }
        guard case .cannotConnect(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("127.0.0.1:\(port)"))
        #expect(text.contains("connect"))
    }

    @Test func `unusable requests are refused before anything is sent`() throws {
        let transport = transport()
        let requests = [
            HTTPRequest(url: "127.0.0.1/nowhere"), HTTPRequest(url: "ftp://127.0.0.1/x"),
            HTTPRequest(url: "http://127.0.0.1/a b"),
            HTTPRequest(url: "http://127.0.0.1/", headers: [("x", "a\r\ny: b")]),
        ]
        for request in requests {
            let error = #expect(throws: TransportError.self) { try transport.send(request) }
            guard case .invalid? = error else {
                Issue.record("\(request.url): \(String(describing: error))")
                continue
            }
        }
    }

    @Test func `a body over the limit is refused`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, [], [UInt8](repeating: 1, count: 5000))
            return true
        }
        #expect(throws: TransportError.tooLarge(limitBytes: 4999)) {
            try transport().send(HTTPRequest(url: server.url + "/"), bodyLimitBytes: 4999)
        }
        #expect(
            try transport().send(HTTPRequest(url: server.url + "/"), bodyLimitBytes: 5000).body.count == 5000
        )
    }

    @Test func `a caller that wants no more gets its own error`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, [], [UInt8](repeating: 1, count: 1 << 20))
            return true
        }
        #expect(throws: TransportError.stopped) {
            try transport().stream(HTTPRequest(url: server.url + "/")) { _ in
                true
            } onBody: { _ in
                false
            }
        }
    }

    @Test func `a long error document is cut at 64 KiB`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(500, [], [UInt8](repeating: 65, count: 300_000))
            return true
        }
        let response = try transport().stream(HTTPRequest(url: server.url + "/")) { _ in
            false
        } onBody: { _ in
            true
        }
        #expect(response.head.status == 500)
        #expect(response.body.count == 64 << 10)
    }

    @Test func `endless header fields are an error`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 200 OK\r\n")
            for _ in 0..<3000 { connection.send("X-Filler: \(String(repeating: "y", count: 60))\r\n") }
            connection.send("Content-Length: 0\r\n\r\n")
            return true
        }
        #expect(throws: TransportError.self) { try transport().send(HTTPRequest(url: server.url + "/")) }
    }

    @Test func `many threads get their own bytes`() throws {
        let server = try RawServer.answering { _, request, connection in
            let line = request.prefix { $0 != "\r\n" }
            connection.respond(200, [], Array(line.utf8))
            return true
        }
        let transport = transport()
        let wrong = Atomic(0)
        try TestThreads.run(8) { thread in
            for round in 0..<50 {
                let path = "/\(thread)/\(round)"
                let body = try transport.send(HTTPRequest(url: server.url + path)).body
                if body != Array("GET \(path) HTTP/1.1".utf8) { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(server.connectionCount <= 8)
    }
}
