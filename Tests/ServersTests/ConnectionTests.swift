import HTTPTransport
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct ConnectionTests {
    private func worker(_ change: @escaping (inout WorkerOptions) -> Void = { _ in }) async throws
        -> WorkerFixture
    {
        let worker = try await WorkerFixture(change)
        try worker.upload.put(Array("contents".utf8), to: Array("f".utf8))
        return worker
    }

    private func target(_ worker: WorkerFixture, _ key: String = "f") -> String {
        "/v1/range/x?ufsFullPath=\(worker.address(key))"
    }

    @Test func `requests that come at once are answered in order`() async throws {
        let worker = try await worker()
        let client = RawClient(port: worker.ports.http)
        let path = target(worker)
        client.send(
            "GET \(path)&offset=1&length=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                + "GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                + "HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n"
                + "GET \(path)&offset=0&length=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        let (text, isClosed) = client.readAll()
        #expect(isClosed)
        let answers = text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false)
        try #require(answers.count == 5)
        #expect(answers[1].hasPrefix("200") && answers[1].hasSuffix("\r\n\r\no"))
        #expect(answers[2].hasPrefix("404") && answers[2].hasSuffix("}"))
        #expect(answers[3].hasPrefix("200") && answers[3].contains("Content-Length: 8"))
        #expect(answers[3].hasSuffix("\r\n\r\n"))
        #expect(answers[4].hasSuffix("\r\n\r\ncon") && answers[4].contains("Connection: close"))
        await worker.stop()
    }

    @Test func `a client of HTTP 1.0 is closed on, or kept if it asks`() async throws {
        let worker = try await worker()
        let plain = RawClient(port: worker.ports.http)
        plain.send("GET \(target(worker)) HTTP/1.0\r\n\r\n")
        let (text, isClosed) = plain.readAll()
        #expect(isClosed && text.hasPrefix("HTTP/1.0 200") && text.hasSuffix("contents"))
        let keeping = RawClient(port: worker.ports.http)
        for _ in 0..<2 {
            keeping.send("GET \(target(worker)) HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(keeping.read(until: "contents").contains("Connection: keep-alive"))
        }
        let listing = RawClient(port: worker.ports.http)
        listing.send(
            "GET /v1/files?path=\(worker.address("")) HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        )
        let (files, isEnded) = listing.readAll()
        #expect(isEnded && files.hasSuffix("]") && !files.contains("chunked"))
        await worker.stop()
    }

    @Test func `a client that shuts its side still gets the answer`() async throws {
        let worker = try await worker()
        let client = RawClient(port: worker.ports.http)
        client.send("GET \(target(worker)) HTTP/1.1\r\nHost: a\r\n\r\n")
        client.endSending()
        let (text, isClosed) = client.readAll()
        #expect(isClosed && text.hasSuffix("contents"))
        await worker.stop()
    }

    @Test func `a client that asks before it sends a body is told`() async throws {
        let worker = try await worker()
        let page = "/v1/file/x/page/0?ufsFullPath=\(worker.address("f"))"
        let client = RawClient(port: worker.ports.http)
        client.send("POST \(page) HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100 Continue"))
        client.send("contents")
        #expect(client.read(until: "}").contains("\"mSuccess\":true"))
        let refused = RawClient(port: worker.ports.http)
        refused.send(
            "POST /v1/chunk/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n"
        )
        let (text, isClosed) = refused.readAll()
        #expect(isClosed && text.hasPrefix("HTTP/1.1 400"))
        await worker.stop()
    }

    @Test func `what is no HTTP and heads too long are refused with a status`() async throws {
        let worker = try await worker { $0.http.headerBytesMaximum = 4096 }
        let nonsense = RawClient(port: worker.ports.http)
        nonsense.send("hello there\r\n\r\n")
        #expect(nonsense.readAll().text.hasPrefix("HTTP/1.1 400"))
        let long = RawClient(port: worker.ports.http)
        long.send("GET / HTTP/1.1\r\nX-Long: \(String(repeating: "x", count: 5000))\r\n\r\n")
        let (text, isClosed) = long.readAll()
        #expect(isClosed && text.hasPrefix("HTTP/1.1 431") && text.contains("\"message\""))
        await worker.stop()
    }

    @Test func `a connection beyond the limit is told so, and there is room again later`() async throws {
        let worker = try await worker { $0.http.connectionsMaximum = 2 }
        var clients = [RawClient(port: worker.ports.http), RawClient(port: worker.ports.http)]
        let request = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        for client in clients {
            client.send(request)
            #expect(client.read(until: "active").contains("200"))
        }
        let third = RawClient(port: worker.ports.http)
        third.send(request)
        let (text, isClosed) = third.readAll()
        #expect(isClosed && text.hasPrefix("HTTP/1.1 503"))
        clients = []
        try await Task.sleep(for: .milliseconds(300))
        let fourth = RawClient(port: worker.ports.http)
        fourth.send(request)
        #expect(fourth.read(until: "active").contains("200"))
        await worker.stop()
    }

    @Test func `idle connections and peers that take nothing are let go`() async throws {
        let worker = try await worker {
            $0.http.idleTimeout = .milliseconds(400)
            $0.http.stallTimeout = .milliseconds(400)
        }
        try worker.upload.put(WorkerFixture.data(30 << 20), to: Array("large".utf8))
        let idle = RawClient(port: worker.ports.http)
        #expect(idle.readAll() == ("", true))
        let stalled = RawClient(port: worker.ports.http)
        stalled.send("GET \(target(worker, "large")) HTTP/1.1\r\nHost: a\r\n\r\n")
        let slow = RawClient(port: worker.ports.http)
        slow.send("POST /v1/file/x/page/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nabc")
        #expect(slow.readAll().text.hasPrefix("HTTP/1.1 408"))
        let end = ContinuousClock.now + .seconds(10)
        while worker.worker.connectionCount > 0, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(worker.worker.connectionCount == 0)
        withExtendedLifetime(stalled) {}
        await worker.stop()
    }

    @Test func `a stop lets an answer finish and refuses new connections`() async throws {
        let worker = try await WorkerFixture(delay: .milliseconds(600))
        try worker.upload.put(Array("slow contents".utf8), to: Array("f".utf8))
        let client = RawClient(port: worker.ports.http)
        client.send("GET \(target(worker)) HTTP/1.1\r\nHost: a\r\n\r\n")
        let idle = RawClient(port: worker.ports.http)
        idle.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = idle.read(until: "active")
        try await Task.sleep(for: .milliseconds(200))
        async let stopping: Void = worker.worker.stop(within: .seconds(10))
        #expect(await idle.readAllAside().isClosed)
        let (text, isClosed) = await client.readAllAside()
        #expect(isClosed && text.hasPrefix("HTTP/1.1 200") && text.hasSuffix("slow contents"))
        await stopping
        #expect(RawClient(port: worker.ports.http).readAll().text.isEmpty)
        await worker.stop()
    }

    @Test func `a stop with a deadline does not wait for a peer that takes nothing`() async throws {
        let worker = try await worker()
        try worker.upload.put(WorkerFixture.data(30 << 20), to: Array("large".utf8))
        let client = RawClient(port: worker.ports.http)
        client.send("GET \(target(worker, "large")) HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = client.read(until: "\r\n\r\n")
        let start = ContinuousClock.now
        await worker.worker.stop(within: .milliseconds(300))
        #expect(ContinuousClock.now - start < .seconds(3))
        await worker.stop()
    }
}
