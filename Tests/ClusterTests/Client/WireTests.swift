import Metadata
import Pages
import Testing

@testable import Cluster

@Suite("What is said to workers, and what they say")
struct WireTests {
    private let worker = WorkerCandidate(
        identity: WorkerIdentity(hostName: "w"),
        host: "node",
        httpPort: 28080
    )

    @Test func `addresses are percent-encoded to the last byte`() {
        let uri = UFSURI(bytes: Array("s3://b/a +%&=?#é/x".utf8) + [0xFF])
        let text = WorkerURL(worker).named("range", uri, [("offset", "1")])
        #expect(
            text == "http://node:28080/v1/range/\(FileID(uri))?ufsFullPath="
                + "s3%3A%2F%2Fb%2Fa%20%2B%25%26%3D%3F%23%C3%A9%2Fx%FF&offset=1"
        )
        #expect(
            WorkerURL(worker).info(UFSURI("s3://b/a")) == "http://node:28080/v1/info?path=s3%3A%2F%2Fb%2Fa"
        )
    }

    @Test func `a range is asked for by offset and length at the end of the address`() {
        let uri = UFSURI("s3://b/a")
        let text = WorkerURL.range(WorkerURL(worker).range(uri), Span(offset: 32768, count: 4096))
        #expect(
            text == "http://node:28080/v1/range/\(FileID(uri))?ufsFullPath=s3%3A%2F%2Fb%2Fa"
                + "&offset=32768&length=4096"
        )
    }

    @Test func `an IPv6 address gets its brackets`() {
        let worker = WorkerCandidate(identity: worker.identity, host: "fd00::1", httpPort: 1)
        #expect(WorkerURL(worker).health == "http://[fd00::1]:1/health")
    }

    private func entries(_ text: String) -> [(String, Attributes)]? {
        guard let page = EntriesPage(Array(text.utf8)) else { return nil }
        var found: [(String, Attributes)] = []
        page.emit { found.append((String(decoding: $0, as: UTF8.self), $1)) }
        return found
    }

    @Test func `a page of entries is read as the protocol writes it`() throws {
        let text = """
            ["a%20name","f",3,1700000000000000000,"5d41402abc4b2a76b9719d911017c592"]
            ["sub","d",0,0]
            ["odd%2C%22%5D","l",7,-5]
            {"next":"1f3.1000.12","hidden":2}

            """
        let found = try #require(entries(text))
        #expect(found.map(\.0) == ["a name", "sub", "odd,\"]"])
        #expect(
            found[0].1
                == Attributes(
                    kind: .file,
                    size: 3,
                    modified: 1_700_000_000_000_000_000,
                    etag: ETag("5d41402abc4b2a76b9719d911017c592")
                )
        )
        #expect(found[1].1 == Attributes(kind: .directory, size: 0, modified: 0, etag: nil))
        #expect(found[2].1.kind == .symbolicLink && found[2].1.modified == -5)
        let page = try #require(EntriesPage(Array(text.utf8)))
        #expect(page.next == "1f3.1000.12" && page.hidden == 2)
        #expect(EntriesPage(Array("{\"hidden\":0}\n".utf8))?.next == nil)
    }

    @Test(arguments: [
        "", "[\"a\",\"d\",0,0]\n", "[\"a\",\"d\",0,0]\n{\"next\":\"1\"", "[\"a\",\"x\",0,0]\n{}",
        "[\"\",\"d\",0,0]\n{}",
        "[\"..\",\"d\",0,0]\n{}", "[\"a%2Fb\",\"d\",0,0]\n{}", "[\"a%00\",\"d\",0,0]\n{}",
        "[\"a\",\"f\",1,1]\n{}",
        "[\"a\",\"f\",-1,1,\"e\"]\n{}", "[\"a\",\"d\",99999999999999999999,0]\n{}", "[\"a%4\",\"d\",0,0]\n{}",
        "nonsense\n{}", "{\"hidden\":-1}", "{\"next\":5}",
    ])
    func `a page that is cut or wrong is no page at all`(text: String) {
        #expect(EntriesPage(Array(text.utf8)) == nil)
    }

    @Test func `a token of a listing says with whom it goes on`() {
        for token in [
            ClusterToken.store(ListingToken("a|b|c|d")), .store(ListingToken("")),
            .worker(ClusterToken.Place(worker: "worker-1", hidden: 7, token: "1f3.1000.12")),
            .worker(ClusterToken.Place(worker: "worker-1", hidden: 0, token: "a|b")),
        ] {
            #expect(ClusterToken(token.token) == token)
        }
    }

    @Test func `spans are cut into pages`() {
        func pieces(_ offset: Int64, _ count: Int) -> [[Int64]] {
            ForeignPiece.pieces(of: Span(offset: offset, count: count), pageBytes: 100).map {
                [$0.index, $0.part.offset, $0.part.end]
            }
        }
        #expect(pieces(0, 100) == [[0, 0, 100]])
        #expect(pieces(50, 100) == [[0, 50, 100], [1, 0, 50]])
        #expect(pieces(250, 250) == [[2, 50, 100], [3, 0, 100], [4, 0, 100]])
        #expect(pieces(199, 2) == [[1, 99, 100], [2, 0, 1]])
    }
}
