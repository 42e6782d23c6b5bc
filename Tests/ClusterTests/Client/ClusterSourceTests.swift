import Glibc
import Pages
import Synchronization
import Testing
import TestServers

@testable import Cluster

@Suite("Reading through workers", .timeLimit(.minutes(10)))
struct ClusterSourceTests {
    private let file = TestFile("dir/a file", size: 200_000)

    /// Seconds that a body took.
    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return Double(start.duration(to: .now).wholeNanoseconds) / 1e9
    }

    private func check(_ cluster: TestCluster, _ file: TestFile) throws {
        let bytes = try cluster.read(file.span, of: file)
        #expect(bytes == file.bytes)
    }

    @Test func `a worker is asked for the version and its length, and the store for nothing`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) { $0.token = "secret" }
        let span = Span(offset: 1000, count: 70_000)
        #expect(try cluster.read(span, of: file) == file[span])
        #expect(cluster.store.spans == [])
        let request = try #require(worker.requests.first)
        #expect(request.path == "/v1/range/\(FileID(file.version.uri))")
        #expect(request.query["ufsFullPath"] == "s3://bucket/dir/a file")
        #expect(request.offset == 1000 && request.length == 70_000)
        #expect(request.field("if-match") == "\"\(file.version.etag)\"")
        #expect(request.field("x-alluxio-file-size") == "200000")
        #expect(request.field("authorization") == "Bearer secret")
        #expect(worker.healthCount == 1)
        _ = try cluster.read(span, of: file)
        #expect(worker.healthCount == 1)
    }

    @Test func `a transfer that breaks goes on where it broke, at the next worker and then at the store`()
        throws
    {
        let (first, second) = (try WorkerDouble("a", [file]), try WorkerDouble("b", [file]))
        first.mood = .cut(60_001)
        second.mood = .cut(50_000)
        let cluster = TestCluster([first.candidate, second.candidate], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(second.requests.map(\.offset) == [60_001])
        #expect(cluster.store.spans == [Span(from: 110_001, to: 200_000)])
        #expect(cluster.count("alluxio_read_from_workers_bytes_total") == 110_001)
        #expect(cluster.count("alluxio_fuse_cluster_store_bytes_total") == 89_999)
        #expect(cluster.fallbacks("broken") == 1)
        #expect(cluster.count("alluxio_fuse_cluster_failures_total{reason=\"broken\"}") == 2)
    }

    @Test(arguments: [
        WorkerDouble.Mood.status(500), .status(503), .status(404), .status(403), .short, .replaced,
        .otherETag,
        .foreign,
    ])
    func `a worker that gives no good answer gives no byte, and the next one is asked`(
        mood: WorkerDouble.Mood
    )
        throws
    {
        let (first, second) = (try WorkerDouble("a", [file]), try WorkerDouble("b", [file]))
        let cluster = TestCluster([first.candidate, second.candidate], files: [file])
        _ = try cluster.read(Span(offset: 0, count: 1), of: file)
        first.mood = mood
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(second.requests.map(\.offset) == [0])
        #expect(cluster.store.spans == [])
    }

    @Test func `without a good worker the store is asked, once`() throws {
        let worker = try WorkerDouble("a", [file])
        worker.mood = .status(500)
        let cluster = TestCluster([worker.candidate], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [file.span])
        let none = TestCluster([], files: [file])
        #expect(try none.read(file.span, of: file) == file.bytes)
        #expect(cluster.fallbacks("status") == 1 && none.fallbacks("no_workers") == 1)
    }

    @Test func `a worker that fails three times is not asked any more, one that lacks a file is`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file])
        worker.mood = .status(500)
        for _ in 0..<10 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(worker.requests.count == 3)
        #expect(cluster.fallbacks("status") == 3 && cluster.fallbacks("open") == 7)
        #expect(cluster.count("alluxio_fuse_cluster_breakers_opened_total") == 1)
        let other = try WorkerDouble("b", [])
        let second = TestCluster([other.candidate], files: [file])
        for _ in 0..<10 { #expect(try second.read(file.span, of: file) == file.bytes) }
        #expect(other.requests.count == 10)
    }

    @Test func `a dead worker costs one try, and comes back by itself`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) {
            $0.breaker.openMinimum = .milliseconds(200)
        }
        _ = try cluster.read(file.span, of: file)
        worker.kill()
        for _ in 0..<20 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(cluster.store.spans.count == 20)
        let again = try WorkerDouble("a", [file])
        cluster.directory.replace([again.candidate])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(again.requests.count == 1)
    }

    @Test func `a worker that stops answering costs under two seconds once, then nothing`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) {
            $0.breaker.openMinimum = .seconds(20)
            $0.patience = ClusterOptions().patience
        }
        _ = try cluster.read(file.span, of: file)
        worker.mood = .stopped
        let first = try seconds { try check(cluster, file) }
        #expect(first > 1 && first < 2)
        let later = try seconds {
            for _ in 0..<20 { try check(cluster, file) }
        }
        #expect(later < 1)
    }

    @Test(arguments: [0, 5000])
    func `a worker that lives and gets stuck in an answer costs under two seconds`(after count: Int) throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) {
            $0.patience = ClusterOptions().patience
        }
        worker.mood = .stuck(count)
        let took = try seconds { try check(cluster, file) }
        #expect(took < 2)
        #expect(cluster.store.spans.map(\.count) == [file.bytes.count - count])
    }

    @Test func `a worker that answers again is used again, and no reader pays for finding out`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) {
            $0.breaker.openMinimum = .milliseconds(100)
            $0.patience = .milliseconds(500)
        }
        worker.mood = .stopped
        _ = try cluster.read(file.span, of: file)
        // The machine may be late once; a reader that finds out pays each time.
        let whileStopped = try (0..<3).map { _ in
            usleep(200_000)
            return try seconds { _ = try cluster.read(file.span, of: file) }
        }
        #expect(whileStopped.contains { $0 < 0.4 }, "\(whileStopped)")
        worker.mood = .well
        let start = ContinuousClock.now
        while worker.requests.isEmpty, start.duration(to: .now) < .seconds(10) {
            usleep(50_000)
            #expect(try cluster.read(file.span, of: file) == file.bytes)
        }
        #expect(!worker.requests.isEmpty)
    }

    @Test func `a worker that waits for the store itself is waited for as long as it lives`() throws {
        let worker = try WorkerDouble("a", [file])
        worker.mood = .busy(1500)
        let cluster = TestCluster([worker.candidate], files: [file]) { $0.patience = .milliseconds(400) }
        let setter = worker
        try TestThreads.start {
            usleep(900_000)
            setter.mood = .well
        }
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [])
        #expect(worker.requests.count >= 3)
        #expect(cluster.count("alluxio_fuse_cluster_waits_extended_total") == worker.requests.count - 1)
    }

    @Test func `a worker that is slower than its peers is not waited for, and soon not asked`() throws {
        let files = (0..<40).map { TestFile("f\($0)", size: 10_000) }
        let (slow, peer) = (try WorkerDouble("a", files), try WorkerDouble("b", files))
        let cluster = TestCluster([peer.candidate, slow.candidate], files: files) {
            $0.replicas = 1
        }
        for file in files { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        // Far beyond what the peer takes on a busy machine, which is the measure.
        slow.mood = .busy(5000)
        cluster.directory.replace([slow.candidate, peer.candidate])
        var times: [Double] = []
        for file in files {
            times.append(try seconds { try check(cluster, file) })
        }
        #expect(times.allSatisfy { $0 < 3 }, "\(times)")
        #expect(slow.requests.count == 5)
        #expect(cluster.count("alluxio_fuse_cluster_hedged_total") == 5)
        #expect(cluster.fallbacks("slow") == 5 && cluster.fallbacks("open") == 35)
        #expect(times.suffix(30).sorted()[15] < 0.05, "\(times)")
        #expect(cluster.store.spans.count == 40)
    }

    @Test func `a worker whose first byte comes late is not slow for that`() throws {
        let worker = try WorkerDouble("a", [file])
        worker.mood = .busy(1300)
        let cluster = TestCluster([worker.candidate], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [] && cluster.count("alluxio_fuse_cluster_hedged_total") == 0)
    }

    @Test func `a worker that drips is given up, and its bytes are kept`() throws {
        let big = TestFile("big", size: 600_000)
        let server = try RawServer.answering { _, text, connection in
            let request = SeenRequest(text)
            guard request.endpoint == "range" else {
                connection.respond(200, ["X-Alluxio-Worker: t"])
                return true
            }
            connection.send(
                "HTTP/1.1 200 OK\r\nX-Alluxio-Worker: t\r\nETag: \"\(big.version.etag)\"\r\n"
                    + "Content-Length: \(request.length)\r\n\r\n"
            )
            for start in stride(from: 0, to: big.bytes.count, by: 10_000) {
                connection.send(Array(big.bytes[start..<(start + 10_000)]))
                usleep(100_000)
            }
            return false
        }
        let worker = WorkerCandidate(
            identity: WorkerIdentity(hostName: "a"),
            host: "127.0.0.1",
            httpPort: server.port
        )
        let cluster = TestCluster([worker], files: [big])
        let time = try seconds { try check(cluster, big) }
        #expect(time < 2)
        #expect(cluster.store.spans.count == 1 && cluster.store.spans[0].offset >= 80_000)
    }

    @Test func `whoever takes the bytes ends the transfer, and the worker is not blamed`() throws {
        let worker = try WorkerDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file])
        for _ in 0..<5 {
            #expect(throws: StoreError.cancelled) {
                try cluster.source.fetch(file.span, of: file.version) { _ throws(StoreError) in
                    throw .cancelled
                }
            }
        }
        #expect(cluster.store.spans == [])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(worker.requests.count == 6)
    }

    @Test func `a version that is gone is gone, whoever says so first`() throws {
        let worker = try WorkerDouble("a", [file])
        worker.mood = .replaced
        let cluster = TestCluster([worker.candidate], files: [file])
        cluster.store.isStale = true
        #expect(throws: StoreError.stale) { try cluster.read(file.span, of: file) }
        let strict = TestCluster([worker.candidate], files: [file]) { $0.fallsBackToStore = false }
        #expect(throws: StoreError.stale) { try strict.read(file.span, of: file) }
    }

    @Test func `without falling back a read fails when no worker gives it, and says why`() throws {
        let cluster = TestCluster([], files: [file]) { $0.fallsBackToStore = false }
        let error = #expect(throws: StoreError.self) { try cluster.read(file.span, of: file) }
        guard case .unavailable(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("no_workers") && text.contains("alluxio.dora.client.ufs.fallback.enabled"))
        #expect(cluster.store.spans == [])
    }

    @Test func `virtual blocks are asked for where they belong`() throws {
        let workers = try (0..<3).map { try WorkerDouble("w\($0)", [file]) }
        let cluster = TestCluster(workers.map(\.candidate), files: [file], usesRing: true) {
            $0.replicas = 1
            $0.virtualBlocks = VirtualBlocks(sizeBytes: 10_000)
        }
        let span = Span(from: 5_000, to: 195_000)
        #expect(try cluster.read(span, of: file) == file[span])
        #expect(workers.allSatisfy { !$0.requests.isEmpty })
        #expect(workers.reduce(0) { $0 + $1.requests.count } == 20)
        for worker in workers {
            for request in worker.requests {
                let key = RingKey(file.version.uri, block: Int64(request.offset / 10_000))
                let owner = cluster.directory.view.candidates(for: key, count: 1)
                #expect(owner.map(\.identity) == [worker.identity])
                #expect(request.offset / 10_000 == (request.offset + request.length - 1) / 10_000)
            }
        }
        #expect(cluster.store.spans == [])
    }

    @Test func `a lost worker of a static ring is not asked at all`() throws {
        let worker = try WorkerDouble("a", [file])
        let at = worker.candidate
        let lost = WorkerCandidate(identity: at.identity, host: at.host, httpPort: at.httpPort, isLive: false)
        let cluster = TestCluster([lost], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(worker.requests.isEmpty && worker.healthCount == 0)
    }

    @Test func `readers spread over replicas, and each stays with its own`() {
        let keys = (0..<300).map { RingKey(UFSURI("s3://bucket/\($0)")) }
        for count in 2...4 {
            var starts = [Int](repeating: 0, count: count)
            for key in keys {
                for reader in UInt64(1)...20 {
                    let start = WorkerFleet.start(of: reader, key, count: count)
                    #expect(start == WorkerFleet.start(of: reader, key, count: count))
                    starts[start] += 1
                }
            }
            let mean = 6000 / count
            #expect(starts.allSatisfy { abs($0 - mean) < mean / 8 }, "\(starts)")
        }
    }

    @Test func `with replicas by reader another reader begins elsewhere`() throws {
        let workers = try (0..<3).map { try WorkerDouble("w\($0)", [file]) }
        for reader in UInt64(0)..<12 {
            let cluster = TestCluster(workers.map(\.candidate), files: [file]) {
                $0.replicaChoice = .byReader(reader)
            }
            for _ in 0..<2 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        }
        #expect(workers.allSatisfy { $0.requests.count > 0 && $0.requests.count.isMultiple(of: 2) })
    }
}
