import FoundationEssentials
import HTTPTransport
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

/// A member of a status, as the clients of 2024 read it.
private struct Status: Decodable {
    let mType: String
    let mName: String
    let mPath: String
    let mUfsPath: String
    let mLength: Int
    let mHumanReadableFileSize: String
    let mLastModificationTimeMs: Int
    let mInAlluxioPercentage: Int
    let mContentHash: String
}

private struct Address: Decodable {
    let Host: String
    let HttpServerPort: Int
}

private struct Node: Decodable {
    struct Info: Decodable { let mBlockInfo: Block }
    struct Block: Decodable { let mLocations: [Place] }
    struct Place: Decodable { let mWorkerAddress: Address }
    let Host: String
    let HttpServerPort: Int
    let mBlockInfo: Info
}

private struct OneOther: WorkerDirectory {
    let address: WorkerAddress
    func owner(of file: UFSURI) -> WorkerAddress? {
        file.description.hasSuffix("elsewhere") ? address : nil
    }
}

@Suite(.serialized, .timeLimit(.minutes(5)))
struct StatusTests {
    private func decode<Value: Decodable>(_ answer: HTTPResponse, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(answer.body))
    }

    @Test func `a directory is listed and a file is told of`() async throws {
        let worker = try await WorkerFixture()
        for name in ["b", "a x", "sub/deep"] {
            try worker.upload.put([1, 2, 3], to: Array("d/\(name)".utf8))
        }
        let files = try decode(worker.get("/v1/files?path=\(worker.address("d"))"), as: [Status].self)
        #expect(Set(files.map(\.mName)) == ["b", "a x", "sub"])
        let first = try #require(files.first { $0.mName == "a x" })
        #expect(first.mType == "file" && first.mLength == 3 && first.mHumanReadableFileSize == "3B")
        #expect(first.mUfsPath == worker.address("d/a x") && first.mPath == "/s3/d/a x")
        #expect(files.first { $0.mName == "sub" }?.mType == "directory")
        let byAlluxioPath = try decode(worker.get("/v1/files?path=%2Fs3%2Fd"), as: [Status].self)
        #expect(byAlluxioPath.count == 3)
        let form = "s3%3A%2F%2F\(worker.bucket)%2Fd%2Fa+x"
        let file = try decode(worker.get("/v1/info?path=\(form)"), as: [Status].self)
        #expect(file.count == 1 && file[0].mContentHash == first.mContentHash)
        #expect(file[0].mInAlluxioPercentage == 0)
        _ = try worker.page("d/a%20x", 0)
        let warm = try decode(worker.get("/v1/info?path=\(worker.address("d/a%20x"))"), as: [Status].self)
        #expect(warm[0].mInAlluxioPercentage == 100)
        let one = try worker.get("/v1/files?path=\(worker.address("d/b"))")
        #expect(try decode(one, as: [Status].self).count == 1)
        #expect(try worker.get("/v1/files?path=\(worker.address("none"))").head.status == 404)
        await worker.stop()
    }

    @Test func `a long directory is listed whole`() async throws {
        let worker = try await WorkerFixture()
        try TestThreads.run(8) { thread in
            for index in 0..<300 { try worker.upload.put([], to: Array("many/\(thread)-\(index)".utf8)) }
        }
        let files = try decode(worker.get("/v1/files?path=\(worker.address("many"))"), as: [Status].self)
        #expect(Set(files.map(\.mName)).count == 2400)
        await worker.stop()
    }

    @Test func `node is an object on one port and an array on the other`() async throws {
        let other = WorkerAddress(host: "10.1.2.3", httpPort: 28080, s3Port: 29998)
        let worker = try await WorkerFixture(peers: OneOther(address: other))
        let own = try decode(worker.get("/v1/node?path=\(worker.address("x"))"), as: Node.self)
        #expect(own.Host == "127.0.0.1" && own.HttpServerPort == worker.ports.http)
        let target = "/v1/node?path=\(worker.address("elsewhere"))"
        #expect(try decode(worker.get(target), as: Node.self).Host == "10.1.2.3")
        let array = try decode(worker.get(target, port: worker.ports.arrayNode), as: [Node].self)
        #expect(array[0].mBlockInfo.mBlockInfo.mLocations[0].mWorkerAddress.HttpServerPort == 28080)
        #expect(try decode(worker.get(target + "&shape=array"), as: [Node].self).count == 1)
        await worker.stop()
    }

    @Test func `health, load, stores and metrics are told`() async throws {
        let worker = try await WorkerFixture()
        for path in ["/health", "/v1/health"] { #expect(try worker.get(path).text == "worker is active") }
        let submit = try worker.get("/v1/load?path=s3%3A%2F%2F\(worker.bucket)%2Fa&opType=submit").text
        #expect(submit.contains(#""mSuccess":false,"success":false"#) && submit.contains(#""mJobId":"NONE""#))
        let progress = try worker.get("/v1/load?path=/s3/a&opType=PROGRESS").text
        #expect(progress.contains(#""mJobState":"FAILED","jobState":"FAILED""#))
        let stores = try worker.get("/v1/ufsInfo").text
        #expect(stores == #"{"s3://\#(worker.bucket)":{"alluxio_path":"/s3","region":"us-east-1"}}"#)
        #expect(try worker.get("/metrics").text == "alluxio_version_info 1\n")
        await worker.stop()
    }

    @Test func `with a shared token everything but health wants it`() async throws {
        let worker = try await WorkerFixture { $0.token = "s3cret" }
        try worker.upload.put(Array("x".utf8), to: Array("f".utf8))
        let target = "/v1/range/x?ufsFullPath=\(worker.address("f"))"
        #expect(try worker.get("/health").head.status == 200)
        for given in [nil, "Bearer wrong", "Basic s3cret", "Bearer s3cre"] {
            let fields = given.map { [(name: "Authorization", value: $0)] } ?? []
            let answer = try worker.get(target, fields)
            #expect(answer.head.status == 401)
            #expect(answer.head["www-authenticate"] == "Bearer")
        }
        #expect(try worker.get("/metrics").head.status == 401)
        #expect(try worker.get(target, [("Authorization", "Bearer s3cret")]).text == "x")
        await worker.stop()
    }

    @Test func `attributes are shared for as long as a client accepts`() async throws {
        let worker = try await WorkerFixture()
        try worker.upload.put(Array("abc".utf8), to: Array("d/f".utf8))
        let target = "/v1/attributes/x?ufsFullPath=\(worker.address("d/f"))"
        let fields: [(name: String, value: String)] = [("Cache-Control", "max-age=60")]
        let first = try worker.get(target, fields)
        #expect(first.text.hasPrefix(#"{"kind":"file","size":3,"modifiedNs":"#))
        #expect(first.text.contains(#""etag":""#))
        let asked = worker.store.counts.lookups
        let second = try worker.get(target, fields)
        #expect(second.text == first.text)
        #expect(Int(second.head["x-alluxio-age-ms"] ?? "") != nil)
        #expect(worker.store.counts.lookups == asked)
        _ = try worker.get(target, [("Cache-Control", "max-age=0")])
        #expect(worker.store.counts.lookups == asked + 1)
        let directory = try worker.get("/v1/attributes/x?ufsFullPath=\(worker.address("d"))")
        #expect(directory.text == #"{"kind":"directory","size":0,"modifiedNs":0}"#)
        #expect(try worker.get("/v1/attributes/x?ufsFullPath=\(worker.address("no"))").head.status == 404)
        await worker.stop()
    }

    @Test func `a second client's listing costs the store nothing`() async throws {
        let worker = try await WorkerFixture()
        try TestThreads.run(8) { thread in
            for index in 0..<800 { try worker.upload.put([1], to: Array("big/\(thread) %\(index)".utf8)) }
        }
        try worker.upload.put([1], to: Array("big/sub/x".utf8))
        let fields: [(name: String, value: String)] = [("Cache-Control", "max-age=60")]
        func list() throws -> Set<String> {
            var names: Set<String> = []
            var token = ""
            while true {
                let answer = try worker.get(
                    "/v1/entries/x?ufsFullPath=\(worker.address("big"))\(token)",
                    fields
                )
                #expect(answer.head.status == 200)
                let lines = answer.text.split(separator: "\n")
                for line in lines.dropLast() {
                    names.insert(String(line.split(separator: "\"")[1]))
                    #expect(!line.contains("\\"))
                }
                let last = String(lines.last ?? "")
                #expect(last.hasSuffix(#""hidden":0}"#))
                guard last.hasPrefix(#"{"next":""#) else { return names }
                token = "&token=" + last.split(separator: "\"")[3]
            }
        }
        let first = try list()
        #expect(first.count == 6401)
        #expect(first.contains("3%20%25799") && first.contains("sub"))
        let listings = worker.store.counts.listings
        #expect(try list() == first)
        #expect(worker.store.counts.listings == listings)
        let gone = try worker.get("/v1/entries/x?ufsFullPath=\(worker.address("big"))&token=1.0.0")
        #expect(gone.head.status == 410)
        await worker.stop()
    }
}
