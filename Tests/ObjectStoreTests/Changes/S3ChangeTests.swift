import HTTPTransport
import Metadata
import Pages
import Synchronization
import Testing
import TestServers

@testable import ObjectStore

@Suite(.serialized, .timeLimit(.minutes(5)))
struct S3ChangeTests {
    let hello = Array("hello".utf8)
    let path = RelativePath("d/file")

    @Test func `an object that was put is read back, with its attributes and metadata`() throws {
        let bench = try ChangedStore("put")
        let made = try bench.store.put(
            hello,
            at: path,
            if: .always,
            metadata: [("mode", "33188"), ("uid", "7")]
        )
        let (bytes, read) = try bench.store.read(path, limit: 100)
        #expect(bytes == hello)
        #expect(read.etag == made.etag && read.size == 5 && made.size == 5)
        #expect(abs(read.modified - made.modified) <= 2_000_000_000)
        let head = try #require(bench.store.described(bench.store.key(of: path))).head
        #expect(head["x-amz-meta-mode"] == "33188" && head["x-amz-meta-uid"] == "7")
        #expect(throws: StoreError.self) { try bench.store.read(path, limit: 4) }
    }

    @Test func `one small object costs one request, which the server checks`() throws {
        let bench = try ChangedStore("one")
        bench.prepare()
        try bench.store.put(hello, at: path, if: .absent, metadata: [])
        #expect(bench.relay.requests.count == 1)
        let head = try #require(bench.relay.requests.first).head.lowercased()
        #expect(head.contains("x-amz-checksum-crc32c: mng7ta=="))
        #expect(
            head.contains(
                "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
            )
        )
        #expect(!head.contains("expect:"))
        var request = S3Request(.putObject, key: bench.store.key(of: path))
        request.content = S3Body(hello)
        request.fields = [("x-amz-checksum-crc32c", "AAAAAA==")]
        var limits = S3RetryLimits.check
        limits.retriesMaximum = 0
        let refused = #expect(throws: S3ChangeFailure.self) {
            try bench.store.change(request, object: "o", limits: limits) { _, _ in }
        }
        #expect(refused?.answer?.code == "BadDigest")
    }

    @Test func `conditions decide between writers`() throws {
        let bench = try ChangedStore("conditions")
        #expect(
            bench.store.conditions()
                == HonouredConditions(put: true, complete: true, copy: true, copySource: true, delete: true)
        )
        let first = try bench.store.put(hello, at: path, if: .absent, metadata: [])
        #expect(throws: StoreError.exists) { try bench.store.put([1], at: path, if: .absent, metadata: []) }
        let etag = try #require(first.etag)
        let second = try bench.store.put([1], at: path, if: .version(etag), metadata: [])
        #expect(throws: StoreError.stale) {
            try bench.store.put([2], at: path, if: .version(etag), metadata: [])
        }
        #expect(throws: StoreError.stale) {
            try bench.store.put([2], at: RelativePath("missing"), if: .version(etag), metadata: [])
        }
        #expect(throws: StoreError.stale) { try bench.store.delete(path, if: .version(etag)) }
        #expect(try bench.bytes("d/file") == [1])
        try bench.store.delete(path, if: .version(try #require(second.etag)))
        #expect(try !bench.exists("d/file"))
    }

    @Test func `the probe leaves nothing behind and is made once`() throws {
        let bench = try ChangedStore("probe")
        _ = bench.store.conditions()
        #expect(bench.relay.requests.count <= 14)
        let count = bench.relay.requests.count
        #expect(bench.lines.contains { $0.contains("/p/.alluxio.attributes.probe-") })
        _ = bench.store.conditions()
        #expect(bench.relay.requests.count == count)
        #expect(try !bench.store.hasKeys(below: .root, except: []))
        #expect(try bench.store.abortUploads(begunBefore: .max) == 0)
    }

    @Test func `what a server ignores is noticed, and then left out`() throws {
        let bench = try ChangedStore("ignorant")
        let sawCondition = Mutex(false)
        bench.relayFate { _, request in
            guard request.head.lowercased().contains("if-none-match") else { return .pass }
            sawCondition.withLock { $0 = true }
            return .answer(200, "")
        }
        #expect(!bench.store.conditions().put && !bench.store.conditions().copy)
        #expect(bench.store.conditions().copySource)
        sawCondition.withLock { $0 = false }
        for _ in 0..<2 { try bench.store.put(hello, at: path, if: .absent, metadata: []) }
        #expect(!sawCondition.withLock { $0 })
    }

    @Test func `a lost answer to a conditional put is no failure`() throws {
        let bench = try ChangedStore("lostput")
        let lost = Mutex(false)
        bench.prepare { _, request in
            guard request.line.hasPrefix("PUT"), !lost.withLock({ $0 }) else { return .pass }
            lost.withLock { $0 = true }
            return .lose
        }
        let made = try bench.store.put(hello, at: path, if: .absent, metadata: [("mode", "1")])
        #expect(lost.withLock { $0 })
        #expect(try bench.store.attributes(of: path, known: .file).etag == made.etag)
        #expect(bench.lines.filter { $0.hasPrefix("PUT") }.count == 2)
    }

    @Test func `nobody is said to have won when what is there cannot be looked at`() throws {
        let bench = try ChangedStore("lostlook")
        let left = Mutex((puts: 1, looks: 1))
        bench.prepare { _, request in
            left.withLock { left in
                if request.line.hasPrefix("PUT"), left.puts > 0 {
                    left.puts -= 1
                    return .lose
                }
                guard request.line.hasPrefix("HEAD"), left.looks > 0 else { return .pass }
                left.looks -= 1
                return .answer(403, "")
            }
        }
        do throws(StoreError) {
            try bench.store.put(hello, at: path, if: .absent, metadata: [])
            Issue.record("nobody can say so")
        } catch .unavailable {} catch {
            Issue.record("\(error)")
        }
        #expect(left.withLock { $0.looks } == 0)
    }

    @Test func `a lost answer does not hide that somebody else won`() throws {
        let bench = try ChangedStore("lostrace")
        let other = Array("other".utf8)
        let upload = bench.upload
        let isFirst = Mutex(true)
        bench.prepare { _, request in
            guard request.line.hasPrefix("PUT"), isFirst.withLock({ $0 }) else { return .pass }
            isFirst.withLock { $0 = false }
            // The request never gets there, and meanwhile another writer is done.
            try? upload.put(other, to: Array("p/d/file".utf8))
            return .answer(503, "<Error><Code>SlowDown</Code></Error>")
        }
        #expect(throws: StoreError.exists) {
            try bench.store.put(hello, at: path, if: .absent, metadata: [])
        }
        #expect(try bench.bytes("d/file") == other)
    }

    @Test func `a copy keeps or replaces metadata, and minds both conditions`() throws {
        let bench = try ChangedStore("copy")
        let made = try bench.store.put(hello, at: path, if: .always, metadata: [("mode", "1")])
        let target = RelativePath("new name+%ä")
        bench.prepare()
        let copied = try bench.store.copy(path, known: made, to: target, if: .absent, metadata: nil)
        #expect(bench.relay.requests.count == 1)
        #expect(copied.size == 5 && copied.etag == made.etag)
        #expect(try bench.store.read(target, limit: 10).bytes == hello)
        #expect(throws: StoreError.exists) {
            try bench.store.copy(path, known: made, to: target, if: .absent, metadata: nil)
        }
        _ = try bench.store.copy(path, known: made, to: target, if: .always, metadata: [("mode", "2")])
        #expect(bench.store.described(bench.store.key(of: target))?.head["x-amz-meta-mode"] == "2")
        try bench.store.put([9], at: path, if: .always, metadata: [])
        for condition in [ChangeCondition.absent, .always] {
            #expect(throws: StoreError.stale) {
                try bench.store.copy(path, known: made, to: target, if: condition, metadata: nil)
            }
        }
        #expect(throws: StoreError.stale) {
            try bench.store.copy(RelativePath("gone"), known: made, to: target, if: .always, metadata: nil)
        }
    }

    @Test func `a lost answer to a copy onto an absent name is no failure`() throws {
        let bench = try ChangedStore("lostcopy")
        let made = try bench.store.put(hello, at: path, if: .always, metadata: [])
        let lost = Mutex(false)
        bench.prepare { _, request in
            guard request.line.hasPrefix("PUT"), !lost.withLock({ $0 }) else { return .pass }
            lost.withLock { $0 = true }
            return .lose
        }
        let copied = try bench.store.copy(
            path,
            known: made,
            to: RelativePath("t"),
            if: .absent,
            metadata: nil
        )
        #expect(copied.etag == made.etag)
    }

    @Test func `an error in an answer with status 200 is an error`() throws {
        let bench = try ChangedStore("hidden")
        let made = try bench.store.put(hello, at: path, if: .always, metadata: [])
        let count = Mutex(0)
        bench.prepare { _, request in
            guard request.line.hasPrefix("PUT") else { return .pass }
            let number = count.withLock { count in
                count += 1
                return count
            }
            let code = number == 1 ? "InternalError" : "AccessDenied"
            return .answer(200, "<?xml version=\"1.0\"?><Error><Code>\(code)</Code></Error>")
        }
        let error = #expect(throws: StoreError.self) {
            try bench.store.copy(path, known: made, to: RelativePath("t"), if: .always, metadata: nil)
        }
        guard case .denied(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("/p/t") && count.withLock { $0 } == 2)
    }

    @Test func `many objects go in one request for each thousand`() throws {
        let bench = try ChangedStore("bulk")
        let names = (0..<1050).map { "d/f&<> \"'\($0)é" } + ["d/new\nline"]
        let paths = names.map { RelativePath($0) }
        try TestThreads.run(4) { thread in
            for (index, path) in paths.enumerated() where index % 4 == thread {
                try bench.store.put([1], at: path, if: .always, metadata: [])
            }
        }
        bench.prepare()
        try bench.store.delete(paths + [RelativePath("d/never there")])
        #expect(bench.relay.requests.count == 3)
        #expect(try !bench.store.hasKeys(below: RelativePath("d"), except: []))
    }

    @Test func `without DeleteObjects each object is deleted by itself`() throws {
        let bench = try ChangedStore("nobulk")
        let paths = (0..<10).map { RelativePath("d/f\($0)") }
        for path in paths { try bench.store.put([1], at: path, if: .always, metadata: []) }
        bench.prepare { _, request in
            request.line.hasPrefix("POST")
                ? .answer(501, "<Error><Code>NotImplemented</Code></Error>") : .pass
        }
        try bench.store.delete(Array(paths.prefix(5)))
        try bench.store.delete(Array(paths.suffix(5)))
        #expect(bench.lines.filter { $0.hasPrefix("POST") }.count == 1)
        #expect(try !bench.store.hasKeys(below: RelativePath("d"), except: []))
    }

    @Test func `markers make directories, and keys are found below them`() throws {
        let bench = try ChangedStore("markers")
        let directory = RelativePath("d")
        let made = try bench.store.putMarker(directory)
        #expect(made.kind == .directory && made.etag == nil)
        #expect(try bench.store.attributes(of: directory, known: nil).kind == .directory)
        #expect(try !bench.store.hasKeys(below: directory, except: []))
        let inside = RelativePath("d/.alluxio.attributes")
        try bench.store.put([1], at: inside, if: .always, metadata: [])
        #expect(try bench.store.hasKeys(below: directory, except: []))
        #expect(try !bench.store.hasKeys(below: directory, except: [inside]))
        try bench.store.put([1], at: RelativePath("d/z"), if: .always, metadata: [])
        #expect(try bench.store.hasKeys(below: directory, except: [inside]))
        for _ in 0..<2 { try bench.store.deleteMarker(directory) }
    }

    @Test func `a key that is too long is refused without asking`() throws {
        let bench = try ChangedStore("long")
        bench.prepare()
        let long = RelativePath(String(repeating: "x", count: 1023))
        let error = #expect(throws: StoreError.self) {
            try bench.store.put([1], at: long, if: .always, metadata: [])
        }
        guard case .nameTooLong(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("1025") && bench.relay.requests.isEmpty)
        #expect(try bench.store.newKey(of: RelativePath(String(repeating: "x", count: 1022))).count == 1024)
    }

    @Test(arguments: [
        (403, "AccessDenied"), (403, "QuotaExceeded"), (507, "XMinioStorageFull"), (507, ""),
        (400, "EntityTooLarge"), (400, "KeyTooLongError"),
    ])
    func `a refusal has its own error and names the object`(status: Int, code: String) throws {
        let bench = try ChangedStore("refused")
        bench.prepare { _, _ in .answer(status, "<Error><Code>\(code)</Code><Message>words</Message></Error>")
        }
        let error = #expect(throws: StoreError.self) {
            try bench.store.put([1], at: path, if: .always, metadata: [])
        }
        let text: String? =
            switch (error, code) {
            case (.denied(let text), "AccessDenied"), (.quotaExceeded(let text), "QuotaExceeded"),
                (.noSpace(let text), "XMinioStorageFull"), (.noSpace(let text), ""),
                (.tooLarge(let text), "EntityTooLarge"), (.nameTooLong(let text), "KeyTooLongError"):
                text
            default: nil
            }
        #expect(text?.contains("p/d/file") == true, "\(String(describing: error))")
        #expect(bench.relay.requests.count == 1)
    }

    @Test func `a server that takes no CRC-32C gets MD5`() throws {
        let bench = try ChangedStore("md5")
        bench.prepare { _, request in
            request.head.lowercased().contains("x-amz-checksum-crc32c")
                ? .answer(501, "<Error><Code>NotImplemented</Code></Error>") : .pass
        }
        try bench.store.put(hello, at: path, if: .always, metadata: [])
        try bench.store.put(hello, at: path, if: .always, metadata: [])
        #expect(bench.relay.requests.count == 3)
        #expect(bench.relay.requests[2].head.lowercased().contains("content-md5: xuf"))
    }

    @Test func `new objects get the class, the list and the tags that are set`() throws {
        let bench = try ChangedStore("options") {
            $0.storageClass = "STANDARD_IA"
            $0.cannedACL = "private"
            $0.tags = "team=blue"
        }
        try bench.store.put(hello, at: path, if: .always, metadata: [])
        let head = try #require(bench.store.described(bench.store.key(of: path))).head
        #expect(head["x-amz-storage-class"] == "STANDARD_IA" && head["x-amz-tagging-count"] == "1")
        #expect(bench.relay.requests.first?.head.lowercased().contains("x-amz-acl: private") == true)
        let sealed = try ChangedStore("sealed") { $0.encryption = .key("key-1") }
        sealed.relayFate { _, _ in .answer(200, "") }
        _ = try? sealed.store.put(hello, at: path, if: .always, metadata: [])
        let fields = sealed.relay.requests.first?.head.lowercased() ?? ""
        #expect(fields.contains("x-amz-server-side-encryption: aws:kms"))
        #expect(fields.contains("x-amz-server-side-encryption-aws-kms-key-id: key-1"))
    }
}
