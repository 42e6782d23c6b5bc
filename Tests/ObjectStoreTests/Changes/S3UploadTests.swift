import Glibc
import HTTPTransport
import Metadata
import Pages
import Synchronization
import Testing
import TestServers

@testable import ObjectStore

private let mebibyte = 1 << 20

@Suite(.serialized, .timeLimit(.minutes(5)))
struct S3UploadTests {
    let path = RelativePath("d/file")

    private func upload(_ bench: ChangedStore, _ metadata: [(name: String, value: String)] = [])
        -> any ContentUpload
    {
        bench.store.upload(to: path) { attributes in
            metadata + (attributes.map { [("mode", "\($0.mode)")] } ?? [])
        }
    }

    /// A file of 64 MiB in the store.
    private func large(_ bench: ChangedStore) throws -> (bytes: [UInt8], attributes: Attributes) {
        let bytes = noise(64 * mebibyte)
        let staged = try StagingFile(bytes)
        let made = try upload(bench).commit(
            staged.contents(Int64(bytes.count)),
            if: .absent,
            attributes: nil
        )
        return (bytes, made)
    }

    @Test func `64 MiB cost six requests, and come back whole`() throws {
        let bench = try ChangedStore("large")
        bench.prepare()
        let (bytes, made) = try large(bench)
        #expect(bench.relay.requests.count == 6)
        #expect(made.size == 64 << 20)
        #expect(try bench.store.attributes(of: path, known: .file).etag == made.etag)
        #expect(try bench.holds(bytes, "d/file"))
        #expect(
            bench.relay.requests.allSatisfy { !$0.line.contains("partNumber") || $0.head.contains("crc32c") }
        )
    }

    @Test func `a small file is one request, an empty one too`() throws {
        let bench = try ChangedStore("small")
        bench.prepare()
        let bytes = noise(3 * mebibyte)
        let staged = try StagingFile(bytes)
        let made = try upload(bench).commit(staged.contents(Int64(bytes.count)), if: .absent, attributes: nil)
        #expect(bench.lines.count == 1)
        let empty = try upload(bench).commit(
            staged.contents(0),
            if: .version(try #require(made.etag)),
            attributes: nil
        )
        #expect(bench.lines.count == 2 && empty.size == 0)
        #expect(try bench.bytes("d/file").isEmpty)
    }

    @Test func `one byte appended to 64 MiB costs four requests and no data`() throws {
        let bench = try ChangedStore("append")
        let (bytes, made) = try large(bench)
        bench.prepare()
        let size = Int64(bytes.count)
        let staged = try StagingFile([7], at: size)
        let contents = staged.contents(
            size + 1,
            kept: [Span(from: 0, to: size)],
            of: made,
            "d/file",
            bench.store
        )
        let new = try upload(bench).commit(contents, if: .version(try #require(made.etag)), attributes: nil)
        #expect(bench.relay.requests.count <= 4)
        #expect(bench.sentBytes < 64 << 10)
        #expect(new.size == size + 1)
        #expect(try bench.holds(bytes + [7], "d/file"))
    }

    @Test func `one byte in the middle of 64 MiB costs six requests and 12 MiB`() throws {
        let bench = try ChangedStore("edit")
        var (bytes, made) = try large(bench)
        bench.prepare()
        let half = Int64(bytes.count / 2)
        bytes[Int(half)] ^= 0xFF
        let staged = try StagingFile([bytes[Int(half)]], at: half)
        let kept = [Span(from: 0, to: half), Span(from: half + 1, to: 2 * half)]
        let contents = staged.contents(2 * half, kept: kept, of: made, "d/file", bench.store)
        _ = try upload(bench).commit(contents, if: .version(try #require(made.etag)), attributes: nil)
        #expect(bench.relay.requests.count <= 6)
        #expect(bench.sentBytes <= 12 << 20)
        #expect(try bench.holds(bytes, "d/file"))
    }

    @Test func `a base that was replaced makes the commit stale and leaves nothing`() throws {
        let bench = try ChangedStore("replaced")
        let (bytes, made) = try large(bench)
        let size = Int64(bytes.count)
        try bench.upload.put(noise(64 * mebibyte, seed: 2), to: Array("p/d/file".utf8))
        let staged = try StagingFile([7], at: size)
        for condition in [ChangeCondition.always, .version(try #require(made.etag))] {
            let contents = staged.contents(
                size + 1,
                kept: [Span(from: 0, to: size)],
                of: made,
                "d/file",
                bench.store
            )
            #expect(throws: StoreError.stale) {
                try upload(bench).commit(contents, if: condition, attributes: nil)
            }
        }
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
    }

    @Test func `parts that were sent ahead are not sent again, but for those that changed`() throws {
        let bench = try ChangedStore("ahead")
        bench.prepare()
        var bytes = noise(70 * mebibyte)
        let staged = try StagingFile(bytes)
        let upload = upload(bench)
        #expect(!upload.wantsToSend(before: 16 << 20))
        while upload.wantsToSend(before: 64 << 20) {
            try upload.sendAhead(to: 64 << 20, from: staged.descriptor)
        }
        #expect(bench.relay.requests.count == 5)
        bytes[20 * mebibyte] ^= 1
        staged.write([bytes[20 * mebibyte]], at: Int64(20 * mebibyte))
        upload.touched(Span(offset: Int64(20 * mebibyte), count: 1))
        #expect(!upload.wantsToSend(before: 64 << 20))
        _ = try upload.commit(staged.contents(Int64(bytes.count)), if: .absent, attributes: nil)
        #expect(bench.relay.requests.count == 8)
        #expect(bench.lines.filter { $0.contains("partNumber=2&") }.count == 2)
        #expect(try bench.holds(bytes, "d/file"))
    }

    @Test func `several threads send ahead through one upload`() throws {
        let bench = try ChangedStore("threads")
        bench.prepare()
        let bytes = noise(100 * mebibyte)
        let staged = try StagingFile(bytes)
        let upload = upload(bench)
        try TestThreads.run(4) { _ in
            while upload.wantsToSend(before: 96 << 20) {
                try upload.sendAhead(to: 96 << 20, from: staged.descriptor)
            }
        }
        _ = try upload.commit(staged.contents(Int64(bytes.count)), if: .absent, attributes: nil)
        #expect(bench.lines.filter { $0.contains("uploads=") }.count == 1)
        #expect(bench.relay.requests.count == 9)
        #expect(try bench.holds(bytes, "d/file"))
    }

    @Test func `sums that are known are sent as they are, and the store finds a wrong one`() throws {
        let bench = try ChangedStore("sums")
        let bytes = noise(40 * mebibyte)
        let staged = try StagingFile(bytes)
        let upload = upload(bench)
        let wrong: StagedContents.Sums = { _ in 1 }
        #expect(throws: StoreError.self) {
            try upload.sendAhead(to: 40 << 20, from: staged.descriptor, sums: wrong)
        }
        var sums = StagedSums()
        bytes.withUnsafeBytes { sums.wrote($0, at: 0) }
        let known = sums
        var contents = staged.contents(Int64(bytes.count))
        let asked = Mutex<[Span]>([])
        contents.sums = { span in
            asked.withLock { $0.append(span) }
            return known.sum(of: span)
        }
        _ = try upload.commit(contents, if: .absent, attributes: nil)
        #expect(asked.withLock { $0.reduce(0) { $0 + $1.count } } == bytes.count)
        #expect(try bench.bytes("d/file") == bytes)
    }

    @Test func `a commit sends what is left while a part is on its way, and again what fails`() throws {
        let bench = try ChangedStore("beside")
        let isThirdSent = Mutex(false)
        let firsts = Mutex(0)
        bench.prepare { _, request in
            if request.line.contains("partNumber=3&") { isThirdSent.withLock { $0 = true } }
            guard request.line.contains("partNumber=1&") else { return .pass }
            let turn = firsts.withLock { count in
                count += 1
                return count
            }
            guard turn == 1 else { return .pass }
            for _ in 0..<1000 where !isThirdSent.withLock({ $0 }) { usleep(10_000) }
            return .answer(403, "<Error><Code>AccessDenied</Code></Error>")
        }
        let bytes = noise(40 * mebibyte)
        let staged = try StagingFile(bytes)
        let upload = upload(bench)
        try TestThreads.run(2) { index in
            if index == 0 {
                #expect(throws: StoreError.self) {
                    try upload.sendAhead(to: 40 << 20, from: staged.descriptor)
                }
            } else {
                for _ in 0..<1000 where firsts.withLock({ $0 }) == 0 { usleep(10_000) }
                _ = try upload.commit(staged.contents(Int64(bytes.count)), if: .absent, attributes: nil)
            }
        }
        #expect(isThirdSent.withLock { $0 })
        #expect(firsts.withLock { $0 } == 2)
        #expect(try bench.bytes("d/file") == bytes)
    }

    @Test func `what is given up leaves nothing behind`() throws {
        let bench = try ChangedStore("abandon")
        let staged = try StagingFile(noise(40 * mebibyte))
        let given = upload(bench)
        try given.sendAhead(to: 40 << 20, from: staged.descriptor)
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
        given.abandon()
        #expect(!given.wantsToSend(before: 40 << 20))
        #expect(bench.lines.contains { $0.hasPrefix("DELETE") && $0.contains("uploadId=") })
        #expect(try !bench.exists("d/file"))
    }

    @Test func `a part that comes too late for a commit that failed begins no other upload`() throws {
        let bench = try ChangedStore("late")
        bench.prepare { _, request in
            guard request.line.hasPrefix("PUT") else { return .pass }
            return .answer(403, "<Error><Code>AccessDenied</Code></Error>")
        }
        let staged = try StagingFile(noise(40 * mebibyte))
        let upload = upload(bench)
        #expect(throws: StoreError.self) {
            try upload.commit(staged.contents(40 << 20), if: .absent, attributes: nil)
        }
        bench.prepare()
        #expect(!upload.wantsToSend(before: 40 << 20))
        try upload.sendAhead(to: 40 << 20, from: staged.descriptor)
        #expect(bench.lines.isEmpty)
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
        _ = try upload.commit(staged.contents(40 << 20), if: .absent, attributes: nil)
        #expect(try bench.exists("d/file"))
    }

    @Test func `uploads that nobody ends are aborted by their age`() throws {
        let bench = try ChangedStore("orphans")
        let other = try S3Store(
            options: bench.store.options,
            transport: HTTPTransport(),
            credentials: WeedServer.shared().credentials()
        )
        for index in 0..<3 { _ = try other.begin(Array("p/d/orphan \(index)+%".utf8), metadata: []) }
        _ = try other.begin(Array("elsewhere/x".utf8), metadata: [])
        #expect(try bench.store.abortUploads(begunBefore: 0) == 0)
        #expect(try bench.store.abortUploads(begunBefore: .max) == 3)
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
    }

    @Test func `a lost answer to the completion is no failure`() throws {
        let bench = try ChangedStore("lostend")
        let lost = Mutex(false)
        bench.prepare { _, request in
            guard request.line.hasPrefix("POST"), request.line.contains("uploadId="),
                !lost.withLock({ $0 })
            else { return .pass }
            lost.withLock { $0 = true }
            return .lose
        }
        let (bytes, made) = try large(bench)
        #expect(lost.withLock { $0 })
        #expect(try bench.holds(bytes, "d/file"))
        #expect(try bench.store.attributes(of: path, known: .file).etag == made.etag)
    }

    @Test func `an upload that the store has forgotten is sent again`() throws {
        let bench = try ChangedStore("forgotten")
        let bytes = noise(40 * mebibyte)
        let staged = try StagingFile(bytes)
        let upload = upload(bench)
        try upload.sendAhead(to: 40 << 20, from: staged.descriptor)
        let stranger = try S3Store(
            options: bench.store.options,
            transport: HTTPTransport(),
            credentials: WeedServer.shared().credentials()
        )
        #expect(try stranger.abortUploads(begunBefore: .max) == 1)
        _ = try upload.commit(staged.contents(Int64(bytes.count)), if: .absent, attributes: nil)
        #expect(try bench.holds(bytes, "d/file"))
    }

    @Test func `of two commits that want the name absent one gets it`() throws {
        let bench = try ChangedStore("race")
        bench.prepare()
        // One after the other: SeaweedFS looks before it completes an upload, and lets two at once both win.
        var outcomes: [String] = []
        var uploads: [(StagingFile, any ContentUpload)] = []
        for index in 0..<2 {
            let staged = try StagingFile(noise(20 * mebibyte, seed: UInt64(index)))
            let upload = upload(bench)
            try upload.sendAhead(to: 16 << 20, from: staged.descriptor)
            uploads.append((staged, upload))
        }
        for (staged, upload) in uploads {
            do throws(StoreError) {
                _ = try upload.commit(staged.contents(20 << 20), if: .absent, attributes: nil)
                outcomes.append("won")
            } catch {
                outcomes.append("\(error)")
            }
        }
        #expect(outcomes == ["won", "exists"])
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
    }

    @Test func `parts that fail for a while are sent again, the same bytes`() throws {
        let bench = try ChangedStore("busy")
        let count = Mutex(0)
        bench.prepare { _, request in
            guard request.line.contains("partNumber=") else { return .pass }
            let number = count.withLock { count in
                count += 1
                return count
            }
            if number % 3 == 1 { return .answer(503, "<Error><Code>SlowDown</Code></Error>") }
            return number % 3 == 2 ? .lose : .pass
        }
        let (bytes, _) = try large(bench)
        #expect(try bench.holds(bytes, "d/file"))
    }

    @Test func `holes and what is past the end of the staging file are zeros`() throws {
        let bench = try ChangedStore("holes")
        let staged = try StagingFile([1, 2, 3], at: 100)
        _ = try upload(bench).commit(staged.contents(200), if: .absent, attributes: nil)
        let expected = [UInt8](repeating: 0, count: 100) + [1, 2, 3] + [UInt8](repeating: 0, count: 97)
        #expect(try bench.holds(expected, "d/file"))
    }

    @Test func `metadata that was not known when the upload began is there in the end`() throws {
        let bench = try ChangedStore("metadata")
        let staged = try StagingFile(noise(40 * mebibyte))
        let upload = upload(bench, [("uid", "5")])
        try upload.sendAhead(to: 40 << 20, from: staged.descriptor)
        let attributes = POSIXAttributes(
            mode: 0o100600,
            uid: 5,
            gid: 0,
            linkCount: 1,
            inode: 1,
            device: 0,
            accessed: 0,
            changed: 0
        )
        let made = try upload.commit(staged.contents(40 << 20), if: .absent, attributes: attributes)
        let found = try #require(bench.store.described(bench.store.key(of: path)))
        #expect(found.head["x-amz-meta-mode"] == "\(0o100600)" && found.head["x-amz-meta-uid"] == "5")
        #expect(found.attributes.etag == made.etag)
    }
}
