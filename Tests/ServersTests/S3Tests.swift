import HTTPTransport
import ObjectStore
import Pages
import Synchronization
import TestServers
import Testing

@testable import Servers

private final class Everybody: WorkerDirectory {
    private let address = Mutex<WorkerAddress?>(nil)
    func owner(of file: UFSURI) -> WorkerAddress? { address.withLock { $0 } }
    func set(_ value: WorkerAddress) { address.withLock { $0 = value } }
}

@Suite(.serialized, .timeLimit(.minutes(10)))
struct S3Tests {
    @Test func `objects are given whole and in ranges`() async throws {
        let worker = try await WorkerFixture()
        let data = WorkerFixture.data(300_000)
        try worker.upload.put(data, to: Array("d/a b".utf8))
        let whole = try worker.s3("/s3/d/a%20b")
        #expect(whole.head.status == 200 && whole.body == data)
        #expect(whole.head["accept-ranges"] == "bytes")
        #expect(whole.head["last-modified"]?.hasSuffix("GMT") == true)
        let part = try worker.s3("/s3/d/a%20b", [("Range", "bytes=100-199")])
        #expect(part.head.status == 206 && part.body == Array(data[100..<200]))
        #expect(part.head["content-range"] == "bytes 100-199/300000")
        #expect(try worker.s3("/s3/d/a%20b", [("Range", "bytes=-5")]).body == Array(data.suffix(5)))
        let past = try worker.s3("/s3/d/a%20b", [("Range", "bytes=300000-")])
        #expect(past.head.status == 416 && past.text.contains("<Code>InvalidRange</Code>"))
        let head = try worker.s3("/s3/d/a%20b", method: "HEAD")
        #expect(head.head["content-length"] == "300000" && head.body.isEmpty)
        let etag = try #require(whole.head["etag"])
        #expect(try worker.s3("/s3/d/a%20b", [("If-None-Match", etag)]).head.status == 304)
        #expect(try worker.s3("/s3/d/a%20b", [("If-Match", "\"x\"")]).head.status == 412)
        #expect(try worker.s3("/s3/none").text.contains("<Code>NoSuchKey</Code>"))
        #expect(try worker.s3("/none/x").text.contains("<Code>NoSuchBucket</Code>"))
        #expect(try worker.s3("/s3/x", method: "DELETE").head.status == 501)
        #expect(try worker.s3("/s3", method: "HEAD").head.status == 200)
        #expect(try worker.s3("/nope", method: "HEAD").head.status == 404)
        #expect(try worker.s3("/").text.contains("<Name>s3</Name>"))
        #expect(try worker.s3("/s3/../../etc/passwd").head.status == 403)
        await worker.stop()
    }

    @Test(arguments: [1, 2, 3, 1000])
    func `keys are listed in order, page by page`(_ step: Int) async throws {
        let worker = try await WorkerFixture()
        let keys = ["a", "a b+c", "a-/x", "a.b", "a/1", "a/2/3", "a/2/4", "a0", "b/ü", "z"]
        for key in keys { try worker.upload.put([1], to: Array(key.utf8)) }
        let bytes = keys.map { Array($0.utf8) }
        // An object with the name of a directory is hidden, as in the mount.
        let shown = bytes.filter { $0 != Array("a".utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(try list(worker, "&max-keys=\(step)") == shown)
        let folded = ["a b+c", "a-/", "a.b", "a/", "a0", "b/", "z"].map { Array($0.utf8) }
        let sorted = folded.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(try list(worker, "&delimiter=%2F&max-keys=\(step)") == sorted)
        let below = ["a/1", "a/2/3", "a/2/4"].map { Array($0.utf8) }
        #expect(try list(worker, "&prefix=a%2F&max-keys=\(step)") == below)
        #expect(try list(worker, "&prefix=a%2F2&max-keys=\(step)") == Array(below[1...]))
        #expect(
            try list(worker, "&prefix=a%2F&delimiter=/&max-keys=\(step)")
                == ["a/1", "a/2/"].map { Array($0.utf8) }
        )
        #expect(try list(worker, "&prefix=none/&max-keys=\(step)").isEmpty)
        #expect(try list(worker, "&start-after=a0&max-keys=\(step)") == [Array("b/ü".utf8), Array("z".utf8)])
        let first = try worker.s3("/s3?max-keys=2&encoding-type=url").text
        #expect(first.contains("<IsTruncated>true</IsTruncated>") && first.contains("<NextMarker>"))
        await worker.stop()
    }

    private func list(_ worker: WorkerFixture, _ query: String) throws -> [[UInt8]] {
        var keys: [[UInt8]] = []
        var token = ""
        while true {
            let text = try worker.s3("/s3?list-type=2&encoding-type=url\(query)\(token)").text
            for part in text.split(separator: "<Contents><Key>").dropFirst()
                + text.split(separator: "<CommonPrefixes><Prefix>").dropFirst()
            {
                let key = Array(part.utf8.prefix { $0 != UInt8(ascii: "<") })
                keys.append(PercentCoding.lenientlyDecoded(key[...]))
            }
            guard let next = text.firstRange(of: "<NextContinuationToken>") else { break }
            let value = text[next.upperBound...].prefix { $0 != "<" }
            token =
                "&continuation-token="
                + String(decoding: PercentCoding.encoded(value.utf8), as: UTF8.self)
        }
        return keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    @Test func `a file of another worker is passed on, or the client is sent there`() async throws {
        let directory = Everybody()
        let owner = try await WorkerFixture()
        let existing = (name: owner.bucket, upload: owner.upload)
        let data = WorkerFixture.data(3_000_000)
        try owner.upload.put(data, to: Array("f".utf8))
        directory.set(
            WorkerAddress(host: "127.0.0.1", httpPort: owner.ports.http, s3Port: owner.ports.s3)
        )
        let proxy = try await WorkerFixture(peers: directory, bucket: existing) { $0.foreignFiles = .proxy }
        #expect(try proxy.s3("/s3/f").body == data)
        #expect(try proxy.s3("/s3/f", [("Range", "bytes=5-9")]).body == Array(data[5...9]))
        #expect(proxy.store.counts.fetches == 0)
        #expect(owner.store.counts.bytes >= data.count)
        let redirecting = try await WorkerFixture(peers: directory, bucket: existing) {
            $0.foreignFiles = .redirect
        }
        let answer = try redirecting.s3("/s3/f?x-id=GetObject")
        #expect(answer.head.status == 307)
        let target = try #require(answer.head["location"])
        #expect(target == "http://127.0.0.1:\(owner.ports.s3 ?? 0)/s3/f?x-id=GetObject&x-alluxio-forwarded=1")
        await owner.stop()
        // The worker is gone; the bytes come from the store.
        #expect(try proxy.s3("/s3/f").body == data)
        await proxy.stop()
        await redirecting.stop()
    }

    @Test func `boto3 lists, reads and waits for objects`() async throws {
        let worker = try await WorkerFixture()
        let data = WorkerFixture.data(9_000_000)
        try worker.upload.put(data, to: Array("dir/big.bin".utf8))
        for index in 0..<30 { try worker.upload.put([UInt8(index)], to: Array("dir/é \(index)".utf8)) }
        let script = """
            import boto3, hashlib, sys
            from botocore.config import Config
            c = boto3.client('s3', endpoint_url=sys.argv[1], aws_access_key_id='any',
                aws_secret_access_key='thing', region_name='us-east-1',
                config=Config(s3={'addressing_style': 'path'}))
            assert [b['Name'] for b in c.list_buckets()['Buckets']] == ['s3']
            pages = c.get_paginator('list_objects_v2').paginate(Bucket='s3', PaginationConfig={'PageSize': 7})
            keys = [o['Key'] for p in pages for o in p['Contents']]
            assert sorted(keys) == sorted(['dir/big.bin'] + [f'dir/é {i}' for i in range(30)]), keys
            old = c.get_paginator('list_objects').paginate(Bucket='s3', Delimiter='/')
            assert [x['Prefix'] for p in old for x in p.get('CommonPrefixes', [])] == ['dir/']
            assert c.head_object(Bucket='s3', Key='dir/big.bin')['ContentLength'] == 9000000
            assert c.get_object(Bucket='s3', Key='dir/é 7')['Body'].read() == bytes([7])
            c.download_file('s3', 'dir/big.bin', sys.argv[2])
            print('sum', hashlib.sha256(open(sys.argv[2], 'rb').read()).hexdigest())
            """
        let process = try SupervisedProcess(
            ["python3", "{dir}/try.py", "http://127.0.0.1:\(worker.ports.s3 ?? 0)", "{dir}/got"],
            files: ["try.py": script]
        )
        defer { process.stop() }
        let wanted = FileID(of: data).text
        try process.wait(for: "boto3 (\(wanted))", limit: .seconds(60)) {
            process.outputEnd().contains("sum \(wanted)")
        }
        await worker.stop()
    }
}
