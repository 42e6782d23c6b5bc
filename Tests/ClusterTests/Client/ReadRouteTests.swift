import Pages
import Synchronization
import Testing

@testable import Cluster

@Suite("What is known of the way to a version", .timeLimit(.minutes(5)))
struct ReadRouteTests {
    private func version(_ name: String, etag: String = "e") -> FileVersion {
        FileVersion(uri: UFSURI("s3://b/\(name)"), etag: ETag(etag), size: 10)
    }

    private func route(_ version: FileVersion) -> ReadRoute {
        ReadRoute(stops: [], absence: .noWorkers, version: AskedVersion(version))
    }

    @Test func `a route is made once for each version, block and generation of the workers`() {
        let routes = ReadRoutes()
        var made = 0
        func ask(_ name: String, _ etag: String, _ block: Int64, _ generation: UInt64) -> Int {
            let before = made
            let version = version(name, etag: etag)
            let found = routes.route(to: version, block: block, generation: generation) {
                made += 1
                return route(version)
            }
            #expect(found.version.etag == "\"\(etag)\"")
            return made - before
        }
        #expect(ask("a", "1", 0, 1) == 1)
        #expect(ask("a", "1", 0, 1) == 0)
        #expect(ask("a", "2", 0, 1) == 1)
        #expect(ask("a", "1", 1, 1) == 1)
        #expect(ask("b", "1", 0, 1) == 1)
        #expect(ask("a", "1", 0, 1) == 0)
        #expect(ask("a", "1", 0, 2) == 1)
        #expect(ask("b", "1", 0, 2) == 1)
        #expect(ask("b", "1", 0, 2) == 0)
    }

    @Test func `routes to many files do not pile up, and each is right`() {
        let routes = ReadRoutes()
        for number in 0..<5000 {
            let version = version("f", etag: "\(number)")
            let found = routes.route(to: version, block: 0, generation: 1) { route(version) }
            #expect(found.version.etag == "\"\(number)\"")
        }
        #expect(routes.count <= 1024)
    }

    @Test func `a file whose worker changes is asked for at the new one from the next read on`() throws {
        let file = TestFile("dir/file", size: 20_000)
        let (first, second) = (try WorkerDouble("a", [file]), try WorkerDouble("b", [file]))
        let cluster = TestCluster([first.candidate], files: [file])
        for _ in 0..<2 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        cluster.directory.replace([second.candidate])
        for _ in 0..<2 { #expect(try cluster.read(file.span, of: file) == file.bytes) }
        #expect(first.requests.count == 2)
        #expect(second.requests.count == 2)
        cluster.directory.replace([])
        #expect(try cluster.read(file.span, of: file) == file.bytes)
        #expect(cluster.fallbacks("no_workers") == 1)
    }
}
