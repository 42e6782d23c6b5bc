import Glibc
import Metadata
import Pages
import Synchronization
import TestServers
import Testing

@testable import Cluster

@Suite("What workers are told of changes", .timeLimit(.minutes(10)))
struct ChangeNewsTests {
    /// A store that takes everything.
    private final class Taking: WritableStore, SpanSource {
        let source = StoreDouble()
        let makesFilesAtOnce = false

        func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {}
        func uri(of path: RelativePath) -> UFSURI { source.uri(of: path) }
        func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
            throw .notFound
        }
        func list(
            _ directory: RelativePath,
            from token: ListingToken?,
            into sink: EntrySink
        ) throws(StoreError) -> ListingPage { ListingPage(next: nil, hidden: 0) }
        func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { [] }
        func upload(to path: RelativePath) -> any ContentUpload { TakingUpload() }
        func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
            Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        }
        func link(
            _ existing: RelativePath,
            to path: RelativePath,
            known: Attributes,
            time: Int64
        ) throws(StoreError) -> Attributes { known }
        func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {}
        func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {}
        func rename(
            _ path: RelativePath,
            to target: RelativePath,
            _ mode: RenameMode,
            known: (path: Attributes, target: Attributes?),
            siblings: Siblings
        ) throws(StoreError) -> Attributes { known.path }
        func change(
            _ path: RelativePath,
            _ change: AttributeChange,
            known: Attributes
        ) throws(StoreError) -> Attributes { known }
        func extendedAttributes(
            of path: RelativePath,
            known: Attributes
        ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] { [] }
        func setExtendedAttribute(
            _ name: [UInt8],
            to value: [UInt8]?,
            _ presence: AttributePresence,
            of path: RelativePath,
            known: Attributes,
            time: Int64
        ) throws(StoreError) {}
        func sync(_ path: RelativePath) throws(StoreError) {}
        func finish() throws(StoreError) {}
        func housekeep() {}
    }

    private final class TakingUpload: ContentUpload {
        func wantsToSend(before end: Int64) -> Bool { false }
        func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {}
        func touched(_ span: Span) {}
        func commit(
            _ contents: StagedContents,
            if condition: ChangeCondition,
            attributes: POSIXAttributes?
        ) throws(StoreError) -> Attributes {
            Attributes(kind: .file, size: contents.size, modified: 0, etag: ETag("new-\(contents.size)"))
        }
        func abandon() {}
    }

    private struct Parts {
        let workers: [WorkerDouble]
        let cluster: TestCluster
        let news: ChangeNews
        let store: TellingStore

        func commit(_ path: String, size: Int64) throws {
            let contents = StagedContents(base: nil, kept: [], size: size, staged: -1) { _, _ in }
            _ = try store.upload(to: RelativePath(path)).commit(contents, if: .absent, attributes: nil)
        }

        /// The lines that a worker was told, in order.
        func lines(_ worker: Int = 0) -> [String] {
            workers[worker].requests.filter { $0.endpoint == "news" }.flatMap { request in
                request.body.split(separator: "\n").map { String($0) }
            }
        }
    }

    private func parts(
        _ count: Int = 1,
        warms: Bool = true,
        usesRing: Bool = false,
        _ change: (inout ClusterOptions) -> Void = { _ in }
    ) throws -> Parts {
        let answers: @Sendable (SeenRequest) -> (Int, String) = { _ in
            (200, #"{"names":1,"warming":0,"refused":1}"#)
        }
        let workers = try (0..<count).map { try WorkerDouble("w\($0)", documents: ["news": answers]) }
        let cluster = TestCluster(workers.map(\.candidate), files: [], usesRing: usesRing) {
            $0.replicas = 1
            change(&$0)
        }
        let news = ChangeNews(fleet: cluster.fleet, warms: warms)
        let store = TellingStore(next: Taking(), news: news)
        return Parts(workers: workers, cluster: cluster, news: news, store: store)
    }

    @Test func `a commit is told with its version, a new directory without`() throws {
        let parts = try parts()
        try parts.commit("dir/a b", size: 5)
        _ = try parts.store.make(RelativePath("dir/sub"), NewEntry(mode: 0o40755, uid: 0, gid: 0, time: 0))
        parts.news.finish(within: .seconds(10))
        #expect(
            Set(parts.lines()) == [
                #"["s3%3A%2F%2Fbucket%2Fdir%2Fa%20b",5,"new-5"]"#, #"["s3%3A%2F%2Fbucket%2Fdir%2Fsub"]"#,
            ]
        )
        #expect(parts.cluster.count("alluxio_fuse_cluster_news_total{outcome=\"sent\"}") == 2)
        #expect(parts.cluster.count("alluxio_fuse_cluster_news_total{outcome=\"refused\"}") >= 1)
    }

    @Test func `what is not to be cached is told without a version`() throws {
        let parts = try parts(warms: false)
        try parts.commit("f", size: 5)
        parts.news.finish(within: .seconds(10))
        #expect(parts.lines() == [#"["s3%3A%2F%2Fbucket%2Ff"]"#])
    }

    @Test func `removed names are told when their objects are gone, both names of a move at once`() throws {
        let parts = try parts()
        let file = Attributes(kind: .file, size: 3, modified: 0, etag: ETag("e"))
        try parts.store.remove(RelativePath("gone"), known: file, siblings: .some)
        parts.news.finish(within: .seconds(10))
        #expect(parts.lines() == [], "the object may still be there")
        parts.news.deleted([UFSURI("s3://bucket/gone")])
        _ = try parts.store.rename(
            RelativePath("from"),
            to: RelativePath("to"),
            .replace,
            known: (file, nil),
            siblings: .some
        )
        parts.news.finish(within: .seconds(10))
        #expect(
            parts.lines().sorted() == [
                #"["s3%3A%2F%2Fbucket%2Ffrom"]"#, #"["s3%3A%2F%2Fbucket%2Fgone"]"#,
                #"["s3%3A%2F%2Fbucket%2Fto",3,"e"]"#,
            ]
        )
    }

    @Test func `a directory that moved is told to every worker, a file to the owners only`() throws {
        let parts = try parts(4, usesRing: true)
        let directory = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        _ = try parts.store.rename(
            RelativePath("d"),
            to: RelativePath("e"),
            .replace,
            known: (directory, nil),
            siblings: .some
        )
        parts.news.finish(within: .seconds(10))
        for worker in 0..<4 { #expect(parts.lines(worker).count == 2) }
        try parts.commit("file", size: 1)
        parts.news.finish(within: .seconds(10))
        let told = (0..<4).filter { parts.lines($0).count > 2 }
        #expect((1...2).contains(told.count), "the file's owner, and its directory's")
        let versions = (0..<4).filter { parts.lines($0).contains { $0.contains("new-1") } }
        let owner = parts.cluster.fleet.workers(for: RingKey(UFSURI("s3://bucket/file"))).links
        #expect(versions.map { parts.workers[$0].identity } == owner.map(\.worker.identity))
    }

    @Test func `each virtual block is told to its own owner`() throws {
        let parts = try parts(3, usesRing: true) { $0.virtualBlocks = VirtualBlocks(sizeBytes: 100) }
        try parts.commit("big", size: 1050)
        parts.news.finish(within: .seconds(10))
        var blocks: Set<String> = []
        for worker in 0..<3 {
            for line in parts.lines(worker) where line.contains("new-1050") {
                let fields = line.dropLast().split(separator: ",")
                let offset = try #require(Int64(fields[3]))
                let key = VirtualBlocks(sizeBytes: 100).key(of: UFSURI("s3://bucket/big"), at: offset)
                let owner = parts.cluster.fleet.workers(for: key).links.first?.worker.identity
                #expect(owner == parts.workers[worker].identity)
                blocks.insert("\(fields[3])+\(fields[4])")
            }
        }
        #expect(blocks == Set((0..<10).map { "\($0 * 100)+100" } + ["1000+50"]))
    }

    @Test func `foreign workers are told nothing`() throws {
        let parts = try parts()
        parts.workers[0].mood = .foreign
        try parts.commit("f", size: 1)
        parts.news.finish(within: .seconds(10))
        #expect(parts.lines() == [])
    }

    @Test func `a worker that does not answer delays nobody, and what has no room is counted`() throws {
        let parts = try parts()
        parts.workers[0].mood = .stopped
        let began = ContinuousClock.now
        for index in 0..<(ChangeNews.queueMaximum + 1000) { try parts.commit("f\(index)", size: 1) }
        #expect(began.duration(to: .now) < .seconds(5), "nothing waits for the worker")
        let dropped = parts.cluster.count("alluxio_fuse_cluster_news_total{outcome=\"dropped\"}")
        #expect(dropped > 0)
        parts.workers[0].kill()
    }

    @Test func `thousands of changes go in few requests`() throws {
        let parts = try parts()
        for index in 0..<3000 { try parts.commit("dir/f\(index)", size: 1) }
        parts.news.finish(within: .seconds(30))
        #expect(Set(parts.lines()).count == 3000)
        #expect(parts.workers[0].requests.filter { $0.endpoint == "news" }.count < 300)
    }

    @Test func `workers are not asked from memory about what this process has just changed`() throws {
        let documents: [String: @Sendable (SeenRequest) -> (Int, String)] = [
            "attributes": { _ in (200, #"{"kind":"file","size":3,"modifiedNs":0,"etag":"e"}"#) },
            "entries": { _ in (200, "{\"hidden\":0}\n") }, "news": { _ in (200, "{\"refused\":0}") },
        ]
        let worker = try WorkerDouble("w", documents: documents)
        let cluster = TestCluster([worker.candidate], files: []) { $0.metadataAge = .milliseconds(600) }
        let names = ClusterMetadata(fleet: cluster.fleet, next: cluster.store)
        let store = TellingStore(next: Taking(), news: ChangeNews(fleet: cluster.fleet, warms: true))
        func ages() throws -> [String] {
            let before = worker.requests.count
            _ = try names.attributes(of: RelativePath("d/f"), known: .file)
            _ = try names.list(RelativePath("d"), from: nil) { _, _ in }
            return worker.requests[before...].compactMap { $0.field("cache-control") }
        }
        #expect(try ages() == ["max-age=0.600", "max-age=0.600"])
        _ = try store.make(RelativePath("d/f"), NewEntry(mode: 0o100644, uid: 0, gid: 0, time: 0))
        let fresh = try ages()
        #expect(fresh.filter { $0 == "max-age=0" }.count == 2)
        usleep(700_000)
        #expect(try ages() == ["max-age=0.600", "max-age=0.600"])
    }
}

@Suite("Names that a process has changed lately")
struct RecentChangesTests {
    @Test func `a name is recent for the age, a tree with everything below it`() {
        var recent = RecentChanges(age: 100)
        recent.note(Array("s3://b/d/f".utf8), at: 1000)
        recent.note(treeAt: Array("s3://b/t".utf8), at: 1000)
        for name in ["s3://b/d/f", "s3://b/t", "s3://b/t/x/y"] {
            #expect(recent.contains(Array(name.utf8), at: 1100), "\(name)")
            #expect(!recent.contains(Array(name.utf8), at: 1101), "\(name)")
        }
        for name in ["s3://b/d", "s3://b/d/fg", "s3://b/tt"] {
            #expect(!recent.contains(Array(name.utf8), at: 1000), "\(name)")
        }
    }

    @Test func `without an age a change is recent for ever, with age 0 nothing is kept`() {
        var recent = RecentChanges(age: nil)
        recent.note([1], at: 0)
        #expect(recent.contains([1], at: .max))
        var none = RecentChanges(age: 0)
        none.note([1], at: 5)
        #expect(!none.contains([1], at: 5))
    }

    @Test func `more changes than are kept make everything recent`() {
        var recent = RecentChanges(age: 100)
        for index in 0...RecentChanges.maximum { recent.note(Array("\(index)".utf8), at: 50) }
        #expect(recent.contains(Array("never changed".utf8), at: 60))
        #expect(!recent.contains(Array("never changed".utf8), at: 151))
        var trees = RecentChanges(age: 100)
        for index in 0...RecentChanges.treesMaximum { trees.note(treeAt: Array("t\(index)".utf8), at: 50) }
        #expect(trees.contains(Array("never changed".utf8), at: 60))
    }
}
