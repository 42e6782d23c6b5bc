import Glibc
import HTTPTransport
import Metadata
import ObjectStore
import Pages
import TestServers
import Testing

@testable import Servers

@Suite(.serialized, .timeLimit(.minutes(10)))
struct ChangeTests {
    private func path(_ worker: WorkerFixture, _ key: String) -> String {
        "ufsFullPath=\(worker.address(key))"
    }

    private func ends(_ worker: WorkerFixture, _ source: String, _ target: String) -> String {
        "srcPath=\(worker.address(source))&dstPath=\(worker.address(target))"
    }

    @Test(arguments: [
        "mkdir/x?ufsFullPath=%@/a", "touch/x?ufsFullPath=%@/a", "mv/x?srcPath=%@/f&dstPath=%@/b",
        "rm/x?ufsFullPath=%@/f&remove_alluxio_only=false", "copy/x?srcPath=%@/f&dstPath=%@/b",
        "chunk/x?ufsFullPath=%@/a",
    ])
    func `a worker changes nothing unless it is told so, and names the property`(_ target: String)
        async throws
    {
        let worker = try await WorkerFixture(onDisk: false)
        try worker.upload.put([1], to: Array("f".utf8))
        let parts = target.split(separator: "%@", omittingEmptySubsequences: false)
        let answer = try worker.get(
            "/v1/" + parts.joined(separator: "s3://\(worker.bucket)"),
            method: "POST",
            body: Array("data".utf8)
        )
        #expect(answer.head.status == 403)
        #expect(answer.text.contains(#""property":"alluxio.worker.changes.enabled""#))
        #expect(answer.text.contains(#""message":""#))
        #expect(try worker.names(in: "") == ["f"])
        await worker.stop()
    }

    @Test func `directories are made with those above them, once`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        #expect(try worker.post("mkdir", path(worker, "a/b/c")).head.status == 200)
        #expect(try worker.names(in: "a/b") == ["c"])
        let again = try worker.post("mkdir", path(worker, "a/b/c"))
        #expect(again.head.status == 409)
        #expect(again.text.contains(#""mSuccess":false"#))
        try worker.upload.put([1], to: Array("file".utf8))
        #expect(try worker.post("mkdir", path(worker, "file/sub")).head.status == 409)
        #expect(try worker.post("mkdir", "ufsFullPath=s3://other/a").head.status == 403)
        #expect(try worker.post("mkdir", path(worker, "a/../../x")).head.status == 403)
        #expect(try worker.post("mkdir", path(worker, ".alluxio.attributes.x")).head.status == 404)
        await worker.stop()
    }

    @Test func `touch makes an empty file, and dates one that is there without changing its bytes`()
        async throws
    {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        #expect(try worker.post("touch", path(worker, "d/new")).head.status == 200)
        #expect(try worker.stored("d/new") == [])
        try worker.upload.put([7], to: Array("d/old".utf8))
        let before = try worker.objects.attributes(of: RelativePath("d/old"), known: .file)
        usleep(1_100_000)
        #expect(try worker.post("touch", path(worker, "d/old")).head.status == 200)
        let shown = try WorkerFixture.posix(worker.objects)
        let after = try shown.attributes(of: RelativePath("d/old"), known: .file)
        #expect(after.modified > before.modified + 1_000_000_000)
        #expect(after.etag == before.etag)
        await worker.stop()
    }

    @Test func `what was removed is gone from the store and from what the worker tells`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true) { $0.syncInterval = nil }
        for key in ["d/one", "d/sub/two", "d/sub/three", "other"] {
            try worker.upload.put([1], to: Array(key.utf8))
        }
        let listing = "/v1/files?path=\(worker.address("d"))"
        #expect(try worker.get(listing).text.contains("one"))
        let only = path(worker, "d/one") + "&remove_alluxio_only=True"
        #expect(try worker.post("rm", only).head.status == 200)
        #expect(try worker.stored("d/one") == [1], "only what the worker knew is dropped")
        #expect(try worker.post("rm", path(worker, "d/one")).head.status == 200)
        #expect(try worker.stored("d/one") == [1], "which is what clients mean who say nothing")
        let really = "&remove_alluxio_only=False"
        #expect(try worker.post("rm", path(worker, "d") + really).head.status == 409)
        #expect(try worker.post("rm", path(worker, "d/one") + really).head.status == 200)
        #expect(try worker.stored("d/one") == nil)
        #expect(try worker.get("/v1/info?path=\(worker.address("d/one"))").head.status == 404)
        #expect(try !worker.get(listing).text.contains("one"))
        let tree = path(worker, "d") + really + "&recursive=True&sync_parent_next_time=False"
        #expect(try worker.post("rm", tree).head.status == 200)
        #expect(try worker.names(in: "") == ["other"])
        #expect(try worker.post("rm", tree).head.status == 404)
        #expect(try worker.post("rm", path(worker, "") + really + "&recursive=true").head.status == 403)
        let mountPoint = path(worker, "other") + really + "&delete_mount_point=true"
        #expect(try worker.post("rm", mountPoint).head.status == 403)
        #expect(try worker.post("rm", path(worker, "other") + "&recursive=maybe").head.status == 400)
        await worker.stop()
    }

    @Test func `a tree of thousands is removed in few requests`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        try TestThreads.run(8) { thread in
            for index in 0..<40 { try worker.upload.put([1], to: Array("t/\(thread)/\(index)".utf8)) }
        }
        let tree = path(worker, "t") + "&remove_alluxio_only=false&recursive=true"
        #expect(try worker.post("rm", tree).head.status == 200)
        #expect(try worker.names(in: "") == [])
        await worker.stop()
    }

    @Test func `a name moves with its attributes, over a file that is there`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true) { $0.syncInterval = nil }
        try worker.upload.put([1, 2], to: Array("d/from".utf8))
        try worker.upload.put([3], to: Array("e/to".utf8))
        let other = try WorkerFixture.posix(worker.objects)
        var change = AttributeChange(changed: 1_700_000_000_000_000_000)
        change.permissions = 0o640
        let known = try other.attributes(of: RelativePath("d/from"), known: .file)
        _ = try other.change(RelativePath("d/from"), change, known: known)
        try other.finish()
        #expect(try worker.get("/v1/files?path=\(worker.address("d"))").text.contains("from"))
        #expect(try worker.post("mv", ends(worker, "d/from", "e/to")).head.status == 200)
        #expect(try worker.stored("e/to") == [1, 2])
        #expect(try worker.stored("d/from") == nil)
        let moved = try WorkerFixture.posix(worker.objects).attributes(of: RelativePath("e/to"), known: .file)
        #expect(moved.posix?.mode == UInt32(S_IFREG) | 0o640)
        #expect(try worker.get("/v1/info?path=\(worker.address("d/from"))").head.status == 404)
        #expect(try worker.post("mv", ends(worker, "d/from", "x")).head.status == 404)
        #expect(try worker.post("mv", "srcPath=\(worker.address("e/to"))").head.status == 400)
        #expect(try worker.post("mv", ends(worker, "e", "f/g")).head.status == 200)
        #expect(try worker.stored("f/g/to") == [1, 2])
        #expect(try worker.post("mv", ends(worker, "f", "f/inside")).head.status == 400)
        await worker.stop()
    }

    @Test func `a copy is whole, keeps attributes if wanted, and replaces only if forced`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        let data = WorkerFixture.data(11 << 20)
        try worker.upload.put(data, to: Array("d/big".utf8))
        try worker.upload.put([5], to: Array("d/sub/small".utf8))
        let other = try WorkerFixture.posix(worker.objects)
        var change = AttributeChange(changed: 1_700_000_000_000_000_000)
        (change.permissions, change.modified) = (0o604, 1_600_000_000_000_000_007)
        let known = try other.attributes(of: RelativePath("d/big"), known: .file)
        _ = try other.change(RelativePath("d/big"), change, known: known)
        try other.finish()
        #expect(try worker.post("copy", ends(worker, "d", "x/copy")).head.status == 200)
        #expect(try worker.stored("x/copy/big") == data)
        #expect(try worker.stored("x/copy/sub/small") == [5])
        #expect(try worker.stored("d/big") == data)
        let shown = try WorkerFixture.posix(worker.objects)
        let copied = try shown.attributes(of: RelativePath("x/copy/big"), known: .file)
        #expect(copied.posix?.mode == UInt32(S_IFREG) | 0o604)
        #expect(copied.modified == 1_600_000_000_000_000_007)
        let one = ends(worker, "d/sub/small", "x/copy/big")
        #expect(try worker.post("copy", one + "&preserve=False").head.status == 409)
        #expect(try worker.post("copy", one + "&forced=True&preserve=False").head.status == 200)
        #expect(try worker.stored("x/copy/big") == [5])
        let plain = ends(worker, "d/big", "y/plain") + "&preserve=False"
        #expect(try worker.post("copy", plain).head.status == 200)
        let modes = try WorkerFixture.posix(worker.objects).attributes(
            of: RelativePath("y/plain"),
            known: .file
        )
        #expect(modes.posix?.mode ?? 0o644 & 0o777 != 0o604)
        #expect(try worker.post("copy", ends(worker, "d", "z") + "&recursive=False").head.status == 409)
        #expect(try worker.post("copy", ends(worker, "d", "d/in/itself")).head.status == 400)
        #expect(try worker.post("copy", ends(worker, "no", "z")).head.status == 404)
        await worker.stop()
    }

    @Test func `attribute objects are in no listing and under no name of a client's`() async throws {
        let worker = try await WorkerFixture(onDisk: false, changing: true)
        try worker.upload.put([1], to: Array("d/file".utf8))
        try worker.upload.put([1], to: Array("d/.alluxio.attributes".utf8))
        try worker.upload.put([1], to: Array("d/.alluxio.attributes.03.0000abcd".utf8))
        let files = try worker.get("/v1/files?path=\(worker.address("d"))").text
        #expect(files.contains("file") && !files.contains(".alluxio.attributes"))
        #expect(files.hasPrefix("[{") && files.hasSuffix("}]"))
        for query in ["list-type=2", "list-type=2&prefix=d/&delimiter=/", "prefix=d/."] {
            let listing = try worker.s3("/s3?\(query)").text
            #expect(!listing.contains("<Key>d/.alluxio"), "\(query)")
        }
        #expect(try worker.s3("/s3/d/.alluxio.attributes").head.status == 404)
        let name = "/v1/info?path=\(worker.address("d/.alluxio.attributes"))"
        #expect(try worker.get(name).head.status == 404)
        let entries = try worker.get("/v1/entries/x?\(path(worker, "d"))").text
        #expect(entries.contains("[\".alluxio.attributes\""), "our own mounts see that there is one")
        await worker.stop()
    }
}
