import Glibc
import HTTPTransport
import Metadata
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct UploadTests {
    private func target(_ worker: WorkerFixture, _ key: String) -> String {
        "/v1/chunk/x?ufsFullPath=\(worker.address(key))"
    }

    private func chunked(_ worker: WorkerFixture, _ key: String) -> RawClient {
        let client = RawClient(port: worker.ports.http)
        client.send("POST \(target(worker, key)) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        return client
    }

    @Test func `a file that is sent is the object, and is read from the cache after`() async throws {
        let worker = try await WorkerFixture(changing: true)
        let data = WorkerFixture.data(37 << 20)
        let answer = try worker.post("chunk", "ufsFullPath=\(worker.address("d/new"))", body: data)
        #expect(answer.head.status == 201)
        #expect(answer.head["x-alluxio-size"] == "\(data.count)")
        #expect(answer.head["x-alluxio-worker"] == "test")
        #expect(try worker.stored("d/new") == data)
        let read = try worker.get("/v1/range/x?ufsFullPath=\(worker.address("d/new"))")
        #expect(read.body == data)
        #expect(worker.store.counts.fetches == 0)
        await worker.stop()
    }

    @Test func `an empty body is an empty file, and a second one replaces it`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        #expect(try worker.post("chunk", "ufsFullPath=\(worker.address("f"))").head.status == 201)
        #expect(try worker.stored("f") == [])
        let client = chunked(worker, "f")
        client.send("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
        #expect(client.read(until: "mSuccess").contains("201 Created"))
        #expect(try worker.stored("f") == Array("abcdefg".utf8))
        await worker.stop()
    }

    @Test func `a body that breaks off is no object`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        do {
            let client = chunked(worker, "half")
            let part = String(repeating: "x", count: 1 << 20)
            for _ in 0..<20 { client.send("100000\r\n\(part)\r\n") }
        }
        do {
            let client = RawClient(port: worker.ports.http)
            client.send(
                "POST \(target(worker, "short")) HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
            )
            client.endSending()
            _ = client.readAll()
        }
        usleep(500_000)
        #expect(try worker.names(in: "") == [])
        await worker.stop()
    }

    @Test func `a peer that sends no more is told so and leaves no object`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true) {
            $0.http.stallTimeout = .milliseconds(300)
        }
        let client = chunked(worker, "stalled")
        client.send("3\r\nabc\r\n")
        let answer = client.readAll()
        #expect(answer.text.contains("408"))
        #expect(answer.isClosed)
        #expect(try worker.names(in: "") == [])
        await worker.stop()
    }

    @Test func `whoever replaces the file meanwhile wins`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        try worker.upload.put([1], to: Array("f".utf8))
        let client = chunked(worker, "f")
        // So many that they are taken, and the name is looked at, before the body ends.
        client.send("20000\r\n\(String(repeating: "a", count: 0x20000))\r\n")
        usleep(500_000)
        try worker.upload.put([2, 2], to: Array("f".utf8))
        client.send("0\r\n\r\n")
        #expect(client.read(until: "message").contains("412"))
        #expect(try worker.stored("f") == [2, 2])
        await worker.stop()
    }

    @Test func `what has no room is refused with 507 and the property`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true) {
            $0.stagingBytesMaximum = 1 << 20
        }
        let data = WorkerFixture.data(3 << 20)
        let answer = try worker.post("chunk", "ufsFullPath=\(worker.address("f"))", body: data)
        #expect(answer.head.status == 507)
        #expect(answer.text.contains("alluxio.worker.staging.size"))
        #expect(try worker.names(in: "") == [])
        let small = try worker.post("chunk", "ufsFullPath=\(worker.address("f"))", body: [1])
        #expect(small.head.status == 201, "the room is given back")
        await worker.stop()
    }

    @Test func `a directory is not replaced, and without the token nothing is taken`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true) { $0.token = "secret" }
        try worker.upload.put([1], to: Array("d/file".utf8))
        let token = [(name: "Authorization", value: "Bearer secret")]
        let onto = try worker.get(target(worker, "d"), token, method: "POST", body: [1])
        #expect(onto.head.status == 409)
        let without = try worker.get(target(worker, "new"), method: "POST", body: [1])
        #expect(without.head.status == 401)
        #expect(try worker.names(in: "") == ["d"])
        await worker.stop()
    }
}

struct BodyFlowTests {
    @Test func `at most one job runs, and the last is to finish`() {
        var flow = BodyFlow()
        #expect(flow.came(10) == .nothing, "too few to be worth a hop")
        #expect(flow.came(BodyFlow.bytesMinimum) == .take)
        #expect(flow.came(BodyFlow.bytesMaximum) == .nothing)
        #expect(flow.isFull)
        #expect(flow.done() == .take)
        #expect(!flow.isFull)
        #expect(flow.came(5) == .nothing)
        #expect(flow.ended() == .nothing)
        #expect(flow.done() == .take, "the last bytes, however few")
        #expect(flow.done() == .finish)
        #expect(flow.done() == .nothing)
    }

    @Test func `a body that is given up is abandoned once, after the job under way`() {
        var flow = BodyFlow()
        #expect(flow.came(BodyFlow.bytesMinimum) == .take)
        #expect(flow.gaveUp() == .nothing)
        #expect(flow.came(1 << 30) == .nothing)
        #expect(!flow.isFull, "the rest is read, to be dropped")
        #expect(flow.done() == .abandon)
        #expect(flow.gaveUp() == .nothing)
        var idle = BodyFlow()
        #expect(idle.gaveUp() == .abandon)
    }
}
