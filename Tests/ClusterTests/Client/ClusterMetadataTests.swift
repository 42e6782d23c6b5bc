import Glibc
import Metadata
import Pages
import Synchronization
import TestServers
import Testing

@testable import Cluster

@Suite("Names and attributes from workers", .timeLimit(.minutes(10)))
struct ClusterMetadataTests {
    private let file = TestFile("dir/file", size: 1000)

    private struct Answers: Sendable {
        var attributes = (200, "")
        var pages: [String: (Int, String)] = [:]
    }

    private final class Script: Sendable {
        let answers = Mutex(Answers())

        var documents: [String: @Sendable (SeenRequest) -> (Int, String)] {
            [
                "attributes": { [self] _ in answers.withLock { $0.attributes } },
                "entries": { [self] request in
                    answers.withLock { $0.pages[request.query["token"] ?? ""] ?? (410, "{}") }
                },
            ]
        }
    }

    private func parts(_ change: (inout ClusterOptions) -> Void = { _ in }) throws
        -> (Script, WorkerDouble, TestCluster, ClusterMetadata)
    {
        let script = Script()
        let worker = try WorkerDouble("a", [file], documents: script.documents)
        let cluster = TestCluster([worker.candidate], files: [file], change)
        return (script, worker, cluster, ClusterMetadata(fleet: cluster.fleet, next: cluster.store))
    }

    private func list(_ metadata: ClusterMetadata, _ token: ListingToken? = nil) throws
        -> (names: [String], page: ListingPage)
    {
        var names: [String] = []
        let page = try metadata.list(RelativePath("dir"), from: token) { name, _ in
            names.append(String(decoding: name, as: UTF8.self))
        }
        return (names, page)
    }

    @Test(arguments: [
        (1.0, "max-age=1"), (0, "max-age=0"), (0.05, "max-age=0.050"), (-1, "max-age=31536000"),
    ])
    func `the worker is asked with the age that the mount trusts`(age: Double, field: String) throws {
        let (script, worker, cluster, metadata) = try parts {
            $0.metadataAge = .milliseconds(Int(age * 1000))
        }
        script.answers.withLock {
            $0.attributes = (200, #"{"kind":"file","size":3,"modifiedNs":1700000000000000001,"etag":"a\"b"}"#)
        }
        let found = try metadata.attributes(of: RelativePath("dir/file"), known: .file)
        #expect(
            found == Attributes(kind: .file, size: 3, modified: 1_700_000_000_000_000_001, etag: ETag("a\"b"))
        )
        let request = try #require(worker.requests.first)
        #expect(request.field("cache-control") == field)
        #expect(request.path == "/v1/attributes/\(FileID(file.version.uri))")
        #expect(request.query["ufsFullPath"] == "s3://bucket/dir/file" && request.query["known"] == "file")
        #expect(cluster.store.questions == [])
    }

    @Test func `what a worker says is not there is not there`() throws {
        let (script, worker, cluster, metadata) = try parts()
        defer { withExtendedLifetime(worker) {} }
        script.answers.withLock {
            $0.attributes = (404, "{}")
            $0.pages[""] = (404, "{}")
        }
        #expect(throws: StoreError.notFound) { try metadata.attributes(of: RelativePath("x"), known: nil) }
        #expect(throws: StoreError.notFound) { try list(metadata) }
        #expect(cluster.store.questions == [])
        cluster.store.pages = [["a"]]
        #expect(try metadata.list(.root, from: nil) { _, _ in }.next == nil)
    }

    @Test(arguments: [
        (500, "{}"), (200, "nonsense"), (200, #"{"kind":"file","size":3,"modifiedNs":1}"#), (403, "{}"),
    ])
    func `the store is asked where the worker gives no good answer`(status: Int, text: String) throws {
        let (script, worker, cluster, metadata) = try parts()
        defer { withExtendedLifetime(worker) {} }
        script.answers.withLock { $0.attributes = (status, text) }
        let found = try metadata.attributes(of: RelativePath("dir/file"), known: nil)
        #expect(found.etag == file.version.etag)
        #expect(cluster.store.questions == ["attributes dir/file"])
    }

    @Test func `foreign and dead workers are not asked for names`() throws {
        let (_, worker, cluster, metadata) = try parts()
        worker.mood = .foreign
        _ = try metadata.attributes(of: RelativePath("dir/file"), known: nil)
        #expect(worker.requests.isEmpty)
        worker.kill()
        _ = try metadata.attributes(of: RelativePath("dir/file"), known: nil)
        #expect(cluster.store.questions.count == 2)
        let (_, other, off, silent) = try parts { $0.asksMetadata = false }
        _ = try silent.attributes(of: RelativePath("dir/file"), known: nil)
        #expect(other.healthCount == 0 && off.store.questions.count == 1)
    }

    @Test func `a worker that is still listing is waited for as long as it lives`() throws {
        let (script, worker, cluster, metadata) = try parts { $0.patience = .milliseconds(300) }
        script.answers.withLock { $0.pages[""] = (200, "[\"a\",\"d\",0,0]\n{\"hidden\":0}\n") }
        worker.mood = .busy(900)
        try TestThreads.start {
            usleep(700_000)
            worker.mood = .well
        }
        #expect(try list(metadata).names == ["a"])
        #expect(cluster.store.questions == [] && worker.requests.count >= 2)
    }

    @Test func `names of a local store are its own to tell`() throws {
        let (_, worker, cluster, _) = try parts()
        let local = StoreDouble(root: "file:///data")
        let metadata = ClusterMetadata(fleet: cluster.fleet, next: local)
        #expect(throws: StoreError.notFound) { try metadata.attributes(of: RelativePath("x"), known: nil) }
        #expect(worker.requests.isEmpty && worker.healthCount == 0)
        #expect(local.questions == ["attributes x"])
    }

    @Test func `a listing comes page by page from one worker, and hidden keys are counted once`() throws {
        let (script, worker, cluster, metadata) = try parts()
        script.answers.withLock {
            $0.pages[""] = (200, "[\"a\",\"f\",1,1,\"e\"]\n{\"next\":\"1.1|x\",\"hidden\":2}\n")
            $0.pages["1.1|x"] = (200, "[\"b\",\"d\",0,0]\n{\"hidden\":5}\n")
        }
        let first = try list(metadata)
        let second = try list(metadata, first.page.next)
        #expect(first.names == ["a"] && first.page.hidden == 2)
        #expect(second.names == ["b"] && second.page.hidden == 3 && second.page.next == nil)
        #expect(cluster.store.questions == [])
        #expect(worker.requests.map { $0.query["token"] } == [nil, "1.1|x"])
    }

    @Test func `a listing whose worker fails or forgets it begins again at the store, and stays there`()
        throws
    {
        for failure in [(410, "{}"), (500, "{}"), (200, "[\"b\",\"d\",0,0]\n"), (404, "{}")] {
            let (script, worker, cluster, metadata) = try parts()
            cluster.store.pages = [["a", "b"], ["c"]]
            script.answers.withLock {
                $0.pages[""] = (200, "[\"a\",\"f\",1,1,\"e\"]\n{\"next\":\"t\",\"hidden\":0}\n")
                $0.pages["t"] = failure
            }
            let first = try list(metadata)
            let second = try list(metadata, first.page.next)
            let third = try list(metadata, second.page.next)
            #expect(first.names == ["a"] && second.names == ["a", "b"] && third.names == ["c"])
            #expect(third.page.next == nil)
            #expect(cluster.store.questions == ["list dir -", "list dir 1"])
            #expect(worker.requests.count == 2)
        }
    }

    @Test func `a namespace cache shows each name once across a failed worker`() throws {
        let (script, worker, cluster, metadata) = try parts()
        defer { withExtendedLifetime(worker) {} }
        cluster.store.pages = [["a", "b", "c"], ["d"]]
        script.answers.withLock {
            $0.pages[""] = (
                200, "[\"a\",\"f\",1,1,\"e\"]\n[\"b\",\"f\",1,1,\"e\"]\n{\"next\":\"t\",\"hidden\":0}\n"
            )
        }
        let cache = NamespaceCache(source: metadata, options: NamespaceOptions())
        let listing = try cache.listing(of: RelativePath("dir"), mayWait: true)
        while !listing.isComplete { try listing.fill(beyond: listing.count) }
        var names: [String] = []
        listing.forEach(from: 0) { _, name, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        #expect(names == ["a", "b", "c", "d"])
        #expect(listing.hiddenCount == 0)
    }
}
