import HTTPTransport
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct ReadingTests {
    @Test(arguments: [true, false])
    func `pages and ranges are the bytes of the object, cold and warm`(_ onDisk: Bool) async throws {
        let worker = try await WorkerFixture(onDisk: onDisk)
        let data = WorkerFixture.data(2_500_000)
        try worker.upload.put(data, to: Array("dir/a b+c.bin".utf8))
        let key = "dir/a%20b+c.bin"
        for _ in 0..<2 {
            var whole: [UInt8] = []
            for index in 0..<3 {
                let page = try worker.page(key, index)
                #expect(page.head.status == 200)
                #expect(page.head["x-alluxio-size"] == "2500000")
                #expect(page.head["x-alluxio-worker"] == "test")
                whole += page.body
            }
            #expect(whole == data)
            #expect(try worker.page(key, 3).head.status == 404)
            let part = try worker.page(key, 1, "&offset=10&length=20")
            #expect(part.body == Array(data[(1 << 20) + 10..<(1 << 20) + 30]))
            let rest = try worker.page(key, 2, "&offset=100")
            #expect(rest.body == Array(data[(2 << 20) + 100..<2_500_000]))
            #expect(try worker.page(key, 0, "&length=5").body.count == 1 << 20)
            #expect(try worker.page(key, 2, "&offset=500000").head.status == 416)
            let path = "ufsFullPath=\(worker.address(key))"
            let range = try worker.get("/v1/range/x?\(path)&offset=1000000&length=1500000")
            #expect(range.body == Array(data[1_000_000...]))
            #expect(try worker.get("/v1/range/x?\(path)&offset=2499990&length=-1").body.count == 10)
            #expect(try worker.get("/v1/range/x?\(path)&offset=2500000").body.isEmpty)
            #expect(try worker.get("/v1/range/x?\(path)&offset=2500001").head.status == 416)
            #expect(try worker.get("/v1/head/x?\(path)&numOfBytes=7").body == Array(data[..<7]))
            #expect(try worker.get("/v1/tail/x?\(path)").body == Array(data.suffix(1024)))
            let chunked = try worker.get("/v1/chunk/x?\(path)&chunkSize=65536")
            #expect(chunked.head["transfer-encoding"] == "chunked")
            #expect(chunked.body == data)
            let spans = try worker.get("/v1/range/x?\(path)&spans=5-3,2000000-100,0-1")
            #expect(spans.body == Array(data[5..<8] + data[2_000_000..<2_000_100] + data[0..<1]))
        }
        #expect(worker.store.counts.bytes < 2_600_000, "each byte comes from the store once")
        await worker.stop()
    }

    @Test func `an empty file has an empty first page and no second`() async throws {
        let worker = try await WorkerFixture()
        try worker.upload.put([], to: Array("empty".utf8))
        let page = try worker.page("empty", 0)
        #expect(page.head.status == 200)
        #expect(page.body.isEmpty)
        #expect(try worker.page("empty", 1).head.status == 404)
        await worker.stop()
    }

    @Test func `many clients on one cold file cost the store each byte once`() async throws {
        let worker = try await WorkerFixture()
        let data = WorkerFixture.data(40 << 20)
        try worker.upload.put(data, to: Array("big".utf8))
        try TestThreads.run(32) { _ in
            let answer = try worker.get("/v1/range/x?ufsFullPath=\(worker.address("big"))")
            #expect(answer.body == data)
        }
        let counts = worker.store.counts
        #expect(counts.bytes == data.count)
        #expect(counts.fetches <= 10, "\(counts)")
        await worker.stop()
    }

    @Test func `a page can be asked for by its id once the worker has heard of the file`() async throws {
        let worker = try await WorkerFixture()
        try worker.upload.put(Array("hello".utf8), to: Array("d/known".utf8))
        let id = FileID(of: Array(worker.address("d/known").utf8)).text
        let unknown = try worker.get("/v1/file/\(id)/page/0")
        #expect(unknown.head.status == 404)
        #expect(unknown.text.contains("\"message\""))
        _ = try worker.get("/v1/files?path=s3%3A%2F%2F\(worker.bucket)%2Fd")
        let known = try worker.get("/v1/file/\(id)/page/0")
        #expect(known.text == "hello")
        await worker.stop()
    }

    @Test func `a pinned version is served, and another one is told with 412`() async throws {
        let worker = try await WorkerFixture()
        let key = Array("pinned".utf8)
        try worker.upload.put(Array("first".utf8), to: key)
        let path = "/v1/range/x?ufsFullPath=\(worker.address("pinned"))"
        let first = try worker.get(path)
        let etag = try #require(first.head["etag"])
        #expect(first.head["x-alluxio-modified-ns"] != nil)
        try worker.upload.put(Array("second!".utf8), to: key)
        let known: [(name: String, value: String)] = [("If-Match", etag), ("X-Alluxio-File-Size", "5")]
        #expect(try worker.get(path, known).text == "first", "the cached version is still that version")
        let fresh = try worker.get(path, [("Cache-Control", "max-age=0")])
        #expect(fresh.text == "second!")
        let refused = try worker.get(path, [("If-Match", "\"0123\"")])
        #expect(refused.head.status == 412)
        #expect(refused.head["etag"] == fresh.head["etag"])
        #expect(refused.head["x-alluxio-size"] == "7")
        let gone = try worker.get(path, [("If-Match", "\"0123\""), ("X-Alluxio-File-Size", "5")])
        #expect(gone.head.status == 412)
        #expect(gone.head["etag"] == fresh.head["etag"])
        await worker.stop()
    }

    @Test func `a file opened by etag and size needs no question to the store but the read`() async throws {
        let worker = try await WorkerFixture()
        try worker.upload.put(Array("known".utf8), to: Array("k".utf8))
        let other = try await WorkerFixture(bucket: (worker.bucket, worker.upload))
        let path = "/v1/range/x?ufsFullPath=\(worker.address("k"))"
        let etag = try #require(try worker.get(path).head["etag"])
        #expect(try other.get(path, [("If-Match", etag), ("X-Alluxio-File-Size", "5")]).text == "known")
        #expect(other.store.counts.lookups == 0)
        #expect(other.store.counts.fetches == 1)
        await worker.stop()
        await other.stop()
    }

    @Test func `a page that a client brings is taken only if the store has the same bytes`() async throws {
        let worker = try await WorkerFixture()
        let data = WorkerFixture.data(1_500_000)
        try worker.upload.put(data, to: Array("up".utf8))
        let target = "/v1/file/\(WorkerFixture.anyID)/page/1?ufsFullPath=\(worker.address("up"))"
        let good = try worker.get(target, method: "POST", body: Array(data[(1 << 20)...]))
        #expect(good.head.status == 200)
        #expect(good.text.contains(#""mSuccess":true"#))
        var wrong = Array(data[(1 << 20)...])
        wrong[77] ^= 1
        let bad = try worker.get(target, method: "POST", body: wrong)
        #expect(bad.head.status == 409)
        #expect(bad.text.contains(#""mSuccess":false"#))
        #expect(try worker.get(target, method: "POST", body: [1, 2]).head.status == 409)
        #expect(try worker.get(target, method: "POST", body: []).head.status == 400)
        #expect(try worker.page("up", 1).body == Array(data[(1 << 20)...]))
        let large = [UInt8](repeating: 0, count: (1 << 20) + 1)
        #expect(try worker.get(target, method: "POST", body: large).head.status == 413)
        await worker.stop()
    }

    @Test func `what fails is told with a status and a message, and the connection stays`() async throws {
        let worker = try await WorkerFixture()
        for (target, status) in [
            ("/v1/range/x?ufsFullPath=\(worker.address("nothing"))", 404),
            ("/v1/range/x?ufsFullPath=s3://elsewhere/x", 403),
            ("/v1/range/x?ufsFullPath=\(worker.address("../../etc"))", 403),
            ("/v1/range/x", 400), ("/v1/info", 400), ("/nothing/here", 404),
            ("/v1/range/x?ufsFullPath=\(worker.address("a"))&offset=x", 400),
        ] {
            let answer = try worker.get(target)
            #expect(answer.head.status == status, "\(target): \(answer.text)")
            #expect(answer.text.hasPrefix(#"{"message":""#))
        }
        #expect(try worker.get("/v1/info", method: "DELETE").head.status == 405)
        #expect(worker.worker.connectionCount <= 2)
        await worker.stop()
    }
}
