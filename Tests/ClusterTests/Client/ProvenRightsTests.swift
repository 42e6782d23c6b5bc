import Metadata
import Pages
import Synchronization
import Testing

@testable import Cluster

@Suite("Workers answer only whom the store would", .timeLimit(.minutes(10)))
struct ProvenRightsTests {
    private let file = TestFile("dir/file", size: 1000)
    private let span = Span(offset: 0, count: 10)

    /// A store that may refuse.
    private final class Guarded: MetadataSource, SpanSource {
        let asked = Mutex(0)
        let isClosed = Mutex(false)

        private func answer<Answer>(_ answer: Answer) throws(StoreError) -> Answer {
            asked.withLock { $0 += 1 }
            guard !isClosed.withLock({ $0 }) else { throw .denied("not for you") }
            return answer
        }

        func uri(of path: RelativePath) -> UFSURI { UFSURI("s3://bucket/\(path)") }

        func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
            guard path != RelativePath("dir/absent") else { _ = try answer(0); throw .notFound }
            return try answer(Attributes(kind: .file, size: 1, modified: 0, etag: ETag("store")))
        }

        func list(
            _ directory: RelativePath,
            from token: ListingToken?,
            into sink: EntrySink
        ) throws(StoreError) -> ListingPage {
            try answer(ListingPage(next: ListingToken("more"), hidden: 0))
        }

        func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try answer([]) }

        func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
            try answer(())
        }
    }

    private final class Clock: Sendable {
        let now = Mutex<Int64>(0)
        func advance(_ seconds: Int64) { now.withLock { $0 += seconds * 1_000_000_000 } }
    }

    private func rights(_ clock: Clock) -> ProvenRights {
        ProvenRights(lifetime: ProvenRights.lifetime) { clock.now.withLock { $0 } }
    }

    @Test func `bytes come from workers for a minute after the store gave some of the directory`() throws {
        let (clock, store, worker) = (Clock(), Guarded(), Guarded())
        let bytes = rights(clock).bytes(worker, store: store)
        let other = TestFile("other/file", size: 1000)
        for _ in 0..<3 { try bytes.fetch(span, of: file.version) { _ in } }
        #expect(store.asked.withLock { $0 } == 1 && worker.asked.withLock { $0 } == 2)
        try bytes.fetch(span, of: other.version) { _ in }
        #expect(store.asked.withLock { $0 } == 2)
        clock.advance(61)
        store.isClosed.withLock { $0 = true }
        // Warm in the workers, and refused all the same.
        for _ in 0..<2 {
            #expect(throws: StoreError.denied("not for you")) {
                try bytes.fetch(span, of: file.version) { _ in }
            }
        }
        #expect(worker.asked.withLock { $0 } == 2)
    }

    @Test func `names come from workers only after the store told names of the directory`() throws {
        let worker = try WorkerDouble(
            "a",
            [file],
            documents: [
                "attributes": { _ in
                    (200, #"{"kind":"file","size":3,"modifiedNs":1,"etag":"worker"}"#)
                }
            ]
        )
        let (clock, store) = (Clock(), Guarded())
        let cluster = TestCluster([worker.candidate], files: [file])
        let workers = ClusterMetadata(fleet: cluster.fleet, next: store)
        let names = rights(clock).names(workers, store: store)
        let etag = { () throws(StoreError) in
            try names.attributes(of: RelativePath("dir/file"), known: .file).etag?.text
        }
        store.isClosed.withLock { $0 = true }
        #expect(throws: StoreError.denied("not for you")) { try etag() }
        store.isClosed.withLock { $0 = false }
        // Who may hear that a name is missing may hear the others.
        #expect(throws: StoreError.notFound) {
            try names.attributes(of: RelativePath("dir/absent"), known: nil)
        }
        #expect(try etag() == "worker")
        clock.advance(61)
        #expect(try etag() == "store")
        #expect(try etag() == "worker")
        let page = try names.list(RelativePath("elsewhere"), from: nil) { _, _ in }
        // It goes on at the store, where it was begun.
        #expect(page.next == ClusterToken.store(ListingToken("more")).token)
    }
}
