import Pages
import Synchronization
import Testing

@testable import Cluster

@Suite("Workers that are not ours", .timeLimit(.minutes(10)))
struct ForeignWorkerTests {
    private static let mebibyte = 1 << 20
    private let file = TestFile("big", size: 5 * mebibyte / 2)

    @Test func `the length of its pages is learnt, and spans are read across them`() throws {
        let worker = try ForeignDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file])
        for span in [
            file.span, Span(offset: 1_000_000, count: 200_000), Span(from: 2_600_000, to: file.version.size),
            Span(offset: Int64(Self.mebibyte) - 1, count: 2),
        ] {
            #expect(try cluster.read(span, of: file) == file[span])
        }
        #expect(cluster.store.spans == [])
        #expect(worker.pageRequests.count == 1 + 3 + 2 + 1 + 2)
    }

    @Test(arguments: [64 << 10, 1 << 20, 4 << 20]) func `pages of any length will do`(pageBytes: Int) throws {
        let worker = try ForeignDouble("a", [file], pageBytes: pageBytes)
        let cluster = TestCluster([worker.candidate], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [])
    }

    @Test func `a page that is not cached is a miss: the store goes on there, and the worker stays in use`()
        throws
    {
        let worker = try ForeignDouble("a", [file])
        worker.state.withLock { $0.pages[file.version.uri.description] = [0, 2] }
        let cluster = TestCluster([worker.candidate], files: [file])
        for _ in 0..<10 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(
            cluster.store.spans == .init(repeating: Span(from: 1 << 20, to: file.version.size), count: 10)
        )
        #expect(worker.pageRequests.count >= 20)
        #expect(cluster.fallbacks("foreign_miss") == 10)
        #expect(cluster.count("alluxio_fuse_cluster_breakers_opened_total") == 0)
        #expect(cluster.count("alluxio_fuse_cluster_foreign_bytes_total") == 10 << 20)
        let end = Span(from: 2 << 20, to: file.version.size)
        #expect(try cluster.read(end, of: file) == file[end])
        #expect(cluster.store.spans.count == 10)
    }

    @Test func `a file in page 0 is read, and says nothing of the length of pages`() throws {
        let small = TestFile("small", size: 1000)
        let worker = try ForeignDouble("a", [file, small])
        let cluster = TestCluster([worker.candidate], files: [file, small])
        for _ in 0..<2 { #expect(try cluster.read(small.span, of: small) == small.bytes) }
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [])
    }

    @Test func `where page 0 has an odd length the worker is not used`() throws {
        let worker = try ForeignDouble("a", [file], pageBytes: 1_000_001)
        let cluster = TestCluster([worker.candidate], files: [file])
        for _ in 0..<3 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(cluster.store.spans.count == 3)
    }

    @Test func `a worker with another length, time or content is not used`() throws {
        for change in 0..<3 {
            let worker = try ForeignDouble("a", [file])
            worker.state.withLock { state in
                switch change {
                case 0: state.length = file.version.size + 1
                case 1: state.modifiedMilliseconds += 1000
                default: state.contentHash = "another"
                }
            }
            let cluster = TestCluster([worker.candidate], files: [file])
            for _ in 0..<2 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
            #expect(worker.pageRequests.isEmpty, "\(change)")
            #expect(worker.infoCount == 1)
            #expect(cluster.store.spans.count == 2)
        }
    }

    @Test func `a content hash that is the ETag is enough, and the store is not asked`() throws {
        let worker = try ForeignDouble("a", [file])
        worker.state.withLock {
            $0.contentHash = "\\\"\(file.version.etag)\\\""
            $0.modifiedMilliseconds = 5
        }
        let cluster = TestCluster([worker.candidate], files: [file])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.questions == [] && cluster.store.spans == [])
    }

    @Test func `without a content hash the store is asked once when the version was changed`() throws {
        let worker = try ForeignDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file])
        for _ in 0..<5 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(cluster.store.questions == ["attributes big"])
    }

    @Test func `a change is noticed before the last page`() throws {
        let worker = try ForeignDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file])
        let start = Span(offset: 0, count: 1 << 20)
        #expect(try cluster.read(start, of: file) == file[start])
        worker.state.withLock { $0.modifiedMilliseconds += 5000 }
        let pause = ContinuousClock.now + ForeignKnowledge.lastPageFreshness + .milliseconds(50)
        while ContinuousClock.now < pause { _ = try cluster.read(Span(offset: 0, count: 1), of: file) }
        #expect(cluster.store.spans == [])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.store.spans == [Span(from: 2 << 20, to: file.version.size)])
        #expect(try cluster.read(start, of: file) == file[start])
        #expect(cluster.store.spans.count == 2)
    }

    @Test func `trust asks for the length only, off asks for nothing`() throws {
        let worker = try ForeignDouble("a", [file])
        worker.state.withLock { $0.modifiedMilliseconds = 1 }
        let trusting = TestCluster([worker.candidate], files: [file]) { $0.foreignWorkers = .trust }
        #expect(try trusting.read(file.span, of: file) == file.bytes)
        #expect(trusting.store.spans == [] && trusting.store.questions == [])
        let before = worker.pageRequests.count
        let off = TestCluster([worker.candidate], files: [file]) { $0.foreignWorkers = .off }
        #expect(try off.read(file.span, of: file) == file.bytes)
        #expect(off.store.spans.count == 1 && worker.pageRequests.count == before)
    }

    @Test func `their bytes never get into a cache on disk`() throws {
        let worker = try ForeignDouble("a", [file])
        let cluster = TestCluster([worker.candidate], files: [file]) { $0.cacheIsPersistent = true }
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(worker.pageRequests.isEmpty)
        #expect(cluster.store.spans == [file.span])
    }
}
