import Glibc
import HTTPTransport
import Metadata
import ObjectStore
import PageCache
import Pages
import TestServers
import Testing

@testable import Servers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct NewsTests {
    private func tell(_ worker: WorkerFixture, _ lines: [String]) throws -> HTTPResponse {
        let body = Array(lines.map { $0 + "\n" }.joined().utf8)
        return try worker.get("/v1/news", method: "POST", body: body)
    }

    private func encoded(_ worker: WorkerFixture, _ key: String) -> String {
        String(decoding: PercentCoding.encoded(Array(worker.address(key).utf8)), as: UTF8.self)
    }

    /// The version of an object, as a line of news.
    private func line(_ worker: WorkerFixture, _ key: String, etag: String? = nil) throws -> String {
        let found = try worker.objects.attributes(of: RelativePath(key), known: .file)
        return "[\"\(encoded(worker, key))\",\(found.size),\"\(etag ?? found.etag?.text ?? "")\"]"
    }

    @Test func `a worker that trusts for ever asks again about what it is told of`() async throws {
        let worker = try await WorkerFixture(onDisk: false) { $0.syncInterval = nil }
        try worker.upload.put([1], to: Array("d/f".utf8))
        let info = "/v1/info?path=\(worker.address("d/f"))"
        let listing = "/v1/files?path=\(worker.address("d"))"
        #expect(try worker.get(info).text.contains("\"mLength\":1,"))
        #expect(try worker.get(listing).text.contains("\"mLength\":1,"))
        try worker.upload.put([1, 2], to: Array("d/f".utf8))
        try worker.upload.put([1], to: Array("d/g".utf8))
        #expect(try worker.get(info).text.contains("\"mLength\":1,"), "nobody has told")
        let answer = try tell(worker, ["[\"\(encoded(worker, "d/f"))\"]"])
        #expect(answer.head.status == 200)
        #expect(answer.text == #"{"names":1,"warming":0,"refused":0}"#)
        #expect(try worker.get(info).text.contains("\"mLength\":2,"))
        #expect(try worker.get(listing).text.contains("d/g"), "the directory is listed again")
        try worker.upload.delete(Array("d/f".utf8))
        _ = try tell(worker, ["[\"\(encoded(worker, "d/f"))\"]"])
        #expect(try worker.get(info).head.status == 404)
        await worker.stop()
    }

    @Test func `a new version is in the cache without anybody reading it`() async throws {
        let worker = try await WorkerFixture()
        let data = WorkerFixture.data(20 << 20)
        try worker.upload.put(data, to: Array("big".utf8))
        #expect(try tell(worker, [try line(worker, "big")]).text.contains("\"warming\":1"))
        let found = try worker.objects.attributes(of: RelativePath("big"), known: .file)
        let version = FileVersion(
            uri: worker.objects.uri(of: RelativePath("big")),
            etag: try #require(found.etag),
            size: found.size
        )
        for _ in 0..<100 where worker.cache.cachedBytes(of: version) < found.size { usleep(50_000) }
        #expect(worker.cache.cachedBytes(of: version) == found.size)
        let before = worker.store.counts.fetches
        #expect(try worker.get("/v1/range/x?ufsFullPath=\(worker.address("big"))").body == data)
        #expect(worker.store.counts.fetches == before)
        await worker.stop()
    }

    @Test func `what is told is not believed`() async throws {
        let worker = try await WorkerFixture()
        try worker.upload.put([1, 2, 3], to: Array("f".utf8))
        #expect(try tell(worker, [try line(worker, "f", etag: "0123")]).head.status == 200)
        #expect(try tell(worker, ["[\"s3%3A%2F%2Fother%2Fx\",5,\"e\"]"]).text.contains("\"names\":0"))
        let read = try worker.get("/v1/range/x?ufsFullPath=\(worker.address("f"))")
        #expect(read.body == [1, 2, 3])
        await worker.stop()
    }

    @Test func `versions beyond the queue, and files too long for the cache, are refused politely`()
        async throws
    {
        let worker = try await WorkerFixture(onDisk: false, delay: .milliseconds(300)) {
            $0.warmedFileBytesMaximum = 10
        }
        let name = encoded(worker, "n")
        let long = try tell(worker, ["[\"\(name)\",11,\"e\"]"])
        #expect(long.head.status == 200)
        #expect(long.text.contains("\"refused\":1"))
        let many = (0..<500).map { "[\"\(name)\($0)\",5,\"e\"]" }
        var refused = 0
        for _ in 0..<4 {
            let answer = try tell(worker, many)
            #expect(answer.head.status == 200)
            if !answer.text.contains("\"refused\":0") { refused += 1 }
        }
        #expect(refused > 0)
        #expect(try tell(worker, Array(repeating: "[\"\(name)\"]", count: 1001)).head.status == 413)
        await worker.stop()
    }

    @Test(arguments: [
        "x", "[]", "[1]", #"["a",5]"#, #"["a",-1,"e"]"#, #"["a",5,"e",4,2]"#, #"["a\"",5,"e"]"#,
        #"["a",5,"",0,1]"#,
    ])
    func `a line of another form is refused`(_ line: String) {
        #expect(throws: HTTPFailure.self) { _ = try NewsLine(Array(line.utf8)[...]) }
    }

    @Test func `a part of a version is a line, too`() throws {
        let line = try NewsLine(Array(#"["s3%3A%2F%2Fb%2Fk%20x",50,"e-1",10,40]"#.utf8)[...])
        #expect(line.address == Array("s3://b/k x".utf8))
        #expect(line.version?.etag == ETag("e-1"))
        #expect(line.span == Span(offset: 10, count: 40))
    }
}
