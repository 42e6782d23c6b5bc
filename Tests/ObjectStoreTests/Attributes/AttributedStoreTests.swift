import Glibc
import Metadata
import Pages
import TestServers
import Testing

@testable import ObjectStore

extension AttributedStore {
    /// Commits new contents of a file, as the writer does.
    @discardableResult
    func write(
        _ path: String,
        _ text: String,
        if condition: ChangeCondition = .absent,
        mode: UInt32? = 0o644
    ) throws -> Attributes {
        var template = Array("/tmp/attributes-XXXXXX".utf8CString)
        let staged = mkstemp(&template)
        try #require(staged >= 0)
        Glibc.unlink(template)
        defer { close(staged) }
        let count = text.utf8.count
        #expect(Glibc.write(staged, text, count) == count)
        let contents = StagedContents(
            base: nil,
            kept: [],
            size: Int64(count),
            staged: staged,
            readBase: { _, _ throws(StoreError) in throw .notFound }
        )
        let posix = mode.map { mode in
            POSIXAttributes(
                mode: 0o100000 | mode,
                uid: 0,
                gid: 0,
                linkCount: 1,
                inode: 0,
                device: 0,
                accessed: 1,
                changed: 1
            )
        }
        return try upload(to: RelativePath(path)).commit(contents, if: condition, attributes: posix)
    }
}

@Suite(.serialized, .timeLimit(.minutes(10)))
struct AttributedStoreTests {
    @Test func `a plain bucket costs one question, and is shown as it is`() throws {
        let bucket = try AttributedBucket("plain")
        for name in ["a", "b", "d/c"] { try bucket.put("text", name) }
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        #expect(try Set(store.shown().keys) == ["a", "b", "d"])
        #expect(try store.shown()["a"]?.posix == nil)
        #expect(try store.shown("d").count == 1)
        #expect(try store.stat("d/c").size == 4)
        #expect(objects.calls == ["LIST ", "LIST ", "LIST d", "GET .alluxio.attributes", "HEAD d/c"])
    }

    @Test func `a commit that is refused before it begins takes back what was sent ahead`() throws {
        let bucket = try AttributedBucket("refused")
        let store = try bucket.mount(bucket.objects())
        let staged = try StagingFile([UInt8](repeating: 7, count: 40 << 20))
        let upload = store.upload(to: RelativePath("d/.alluxio.attributes"))
        try upload.sendAhead(to: 40 << 20, from: staged.descriptor)
        #expect(throws: StoreError.self) {
            try upload.commit(staged.contents(40 << 20), if: .absent, attributes: nil)
        }
        #expect(try bucket.objects().abortUploads(begunBefore: .max) == 0)
    }

    @Test func `mode, owner and times are seen by another mount, and cost no copy`() throws {
        let bucket = try AttributedBucket("chmod")
        try bucket.put("text", "d/file")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        var change = AttributeChange(changed: 3_000_000_001)
        change.permissions = 0o4711
        change.uid = 1000
        change.gid = 1001
        change.modified = 1_000_000_002
        change.accessed = 2_000_000_003
        let known = try store.stat("d/file")
        objects.forget()
        let answer = try store.change(RelativePath("d/file"), change, known: known)
        #expect(!objects.calls.contains { $0.hasPrefix("COPY") })
        let seen = try bucket.mount(bucket.objects()).shown("d")["file"]
        #expect(seen == answer)
        #expect(seen?.posix?.mode == 0o104711)
        #expect(seen?.posix?.uid == 1000)
        #expect(seen?.modified == 1_000_000_002)
        #expect(seen?.posix?.accessed == 2_000_000_003)
        #expect(seen?.posix?.changed == 3_000_000_001)
        // Who replaces the object makes times void, not the mode.
        try bucket.put("other text", "d/file")
        let after = try bucket.mount(bucket.objects()).stat("d/file")
        #expect(after.posix?.mode == 0o104711)
        #expect(after.modified > 1_600_000_000_000_000_000)
    }

    @Test func `the root and directories have attributes of their own`() throws {
        let bucket = try AttributedBucket("dirs")
        try bucket.put("text", "d/file")
        let store = try bucket.mount(bucket.objects())
        try store.mkdir("new", 0o700)
        try store.chmod("d", 0o711)
        var change = AttributeChange(changed: 9)
        change.permissions = 0o1777
        _ = try store.change(.root, change, known: store.attributes(of: .root, known: nil))
        let other = try bucket.mount(bucket.objects())
        #expect(try other.shown().mapValues { $0.posix?.mode } == ["d": 0o40711, "new": 0o40700])
        #expect(try other.attributes(of: .root, known: nil).posix?.mode == 0o41777)
        #expect(try other.shown("new").isEmpty)
    }

    @Test func `links and special files are there for other mounts`() throws {
        let bucket = try AttributedBucket("special")
        let store = try bucket.mount(bucket.objects())
        try store.symlink("../some where", "link")
        let fifo = NewEntry(mode: 0o010640, uid: 3, gid: 4, time: 6)
        _ = try store.make(RelativePath("fifo"), fifo)
        let device = NewEntry(mode: 0o020600, uid: 0, gid: 0, device: 0x0105, time: 6)
        _ = try store.make(RelativePath("null"), device)
        #expect(throws: StoreError.exists) { try store.symlink("again", "link") }
        let other = try bucket.mount(bucket.objects())
        let shown = try other.shown()
        #expect(shown["link"]?.kind == .symbolicLink)
        #expect(shown["link"]?.size == 13)
        #expect(shown["link"]?.modified == 12_345)
        #expect(try other.linkTarget(of: RelativePath("link")) == Array("../some where".utf8))
        #expect(shown["fifo"]?.posix?.mode == 0o010640)
        #expect(shown["fifo"]?.posix?.uid == 3)
        #expect(shown["null"]?.posix?.device == 0x0105)
        #expect(try other.stat("null").kind == .special)
    }

    @Test func `our own objects are hidden, and their names refused`() throws {
        let bucket = try AttributedBucket("hidden")
        try bucket.put("text", "file")
        let store = try bucket.mount(bucket.objects())
        try store.chmod("file", 0o600)
        #expect(try Set(store.shown().keys) == ["file"])
        #expect(throws: StoreError.notFound) { try store.stat(".alluxio.attributes") }
        #expect(throws: StoreError.self) { try store.mkdir(".alluxio.attributes.mine") }
        #expect(throws: StoreError.self) { try store.mkdir(String(repeating: "n", count: 256)) }
        let long = (0..<6).map { _ in String(repeating: "d", count: 200) }.joined(separator: "/")
        #expect {
            try store.mkdir(long)
        } throws: { if case .nameTooLong = $0 as? StoreError { true } else { false } }
    }

    @Test func `extended attributes are kept by name and namespace`() throws {
        let bucket = try AttributedBucket("xattr")
        try bucket.put("text", "file")
        let store = try bucket.mount(bucket.objects())
        let path = RelativePath("file")
        let known = try store.stat("file")
        func set(_ name: String, _ value: String?, _ presence: AttributePresence = .any) throws {
            let bytes = value.map { Array($0.utf8) }
            try store.setExtendedAttribute(
                Array(name.utf8),
                to: bytes,
                presence,
                of: path,
                known: known,
                time: 8
            )
        }
        try set("user.color", "blue")
        try set("security.label", "\u{0}x")
        #expect(throws: StoreError.exists) { try set("user.color", "red", .absent) }
        #expect(throws: StoreError.notFound) { try set("user.other", "red", .present) }
        #expect(throws: StoreError.notFound) { try set("user.other", nil) }
        #expect(throws: StoreError.self) { try set("system.posix_acl_access", "x") }
        #expect(throws: StoreError.self) { try set("user.big", String(repeating: "x", count: 70_000)) }
        let other = try bucket.mount(bucket.objects())
        let kept = try other.extendedAttributes(of: path, known: known)
        #expect(kept.map { String(decoding: $0.name, as: UTF8.self) } == ["security.label", "user.color"])
        try set("user.color", nil)
        try set("security.label", nil)
        #expect(try store.extendedAttributes(of: path, known: known).isEmpty)
    }

    @Test func `a new file has the mode it was made with, in its object, too`() throws {
        let bucket = try AttributedBucket("create")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        let made = try store.write("d/secret", "text", mode: 0o600)
        #expect(made.posix?.mode == 0o100600)
        #expect(try store.write("d/plain", "text").posix == nil)
        let other = try bucket.mount(bucket.objects())
        #expect(try other.shown("d").mapValues { $0.posix?.mode } == ["secret": 0o100600, "plain": nil])
        #expect(throws: StoreError.self) { try store.write("d/plain", "again") }
        let etag = try #require(try store.stat("d/secret").etag)
        let next = try store.write("d/secret", "more text", if: .version(etag), mode: nil)
        #expect(next.posix?.mode == 0o100600)
        #expect(throws: StoreError.stale) { try store.write("d/secret", "x", if: .version(etag), mode: nil) }
    }

    @Test func `a bucket that gets its first attributes elsewhere is noticed by a listing`() throws {
        let bucket = try AttributedBucket("notice")
        try bucket.put("text", "d/file")
        let here = try bucket.mount(bucket.objects())
        #expect(try here.shown("d")["file"]?.posix == nil)
        try bucket.mount(bucket.objects()).chmod("d/file", 0o600)
        #expect(try here.shown("d")["file"]?.posix?.mode == 0o100600)
    }

    @Test func `one that nobody lists is noticed within 30 seconds`() throws {
        let bucket = try AttributedBucket("later")
        try bucket.put("text", "d/file")
        let here = try bucket.mount(bucket.objects())
        #expect(try here.stat("d/file").posix == nil)
        try bucket.mount(bucket.objects()).chmod("d/file", 0o600)
        bucket.clock.advance(seconds: 29)
        here.housekeep()
        #expect(try here.stat("d/file").posix == nil)
        bucket.clock.advance(seconds: 2)
        here.housekeep()
        #expect(try here.stat("d/file").posix?.mode == 0o100600)
    }

    @Test func `what another mount changes is seen when the sync interval is over`() throws {
        let bucket = try AttributedBucket("sync")
        try bucket.put("text", "d/file")
        let (one, two) = (try bucket.mount(bucket.objects()), try bucket.mount(bucket.objects()))
        try one.chmod("d/file", 0o600)
        bucket.clock.advance(seconds: 31)
        two.housekeep()
        #expect(try two.stat("d/file").posix?.mode == 0o100600)
        try one.chmod("d/file", 0o640)
        #expect(try two.stat("d/file").posix?.mode == 0o100600)
        bucket.clock.advance(seconds: 1)
        #expect(try two.stat("d/file").posix?.mode == 0o100640)
    }

    @Test func `two mounts that write one directory at once lose nothing`() throws {
        let bucket = try AttributedBucket("both")
        for index in 0..<40 { try bucket.put("text", "d/f\(index)") }
        let stores = try (0..<4).map { _ in try bucket.mount(bucket.objects()) }
        try TestThreads.run(4) { mount in
            for index in 0..<10 { try stores[mount].chmod("d/f\(mount * 10 + index)", 0o600 + UInt32(mount)) }
        }
        let shown = try bucket.mount(bucket.objects()).shown("d")
        for index in 0..<40 {
            #expect(shown["f\(index)"]?.posix?.mode == 0o100600 + UInt32(index / 10), "f\(index)")
        }
    }

    @Test func `a directory where everything is default again has no entries`() throws {
        let bucket = try AttributedBucket("default")
        let store = try bucket.mount(bucket.objects())
        try store.write("d/file", "text", mode: 0o600)
        #expect(try store.storedDocument(of: RelativePath("d")).document.entries.count == 1)
        try store.unlink("d/file")
        #expect(try store.storedDocument(of: RelativePath("d")).document.isEmpty)
    }

    @Test func `without conditions what others wrote before is not lost`() throws {
        let bucket = try AttributedBucket("nocond")
        for index in 0..<4 { try bucket.put("text", "d/f\(index)") }
        let objects = try (0..<2).map { _ in try bucket.objects() }
        for store in objects { store.pretend(HonouredConditions()) }
        let stores = try objects.map { try bucket.mount($0) { $0.syncInterval = nil } }
        for index in 0..<4 { try stores[index % 2].chmod("d/f\(index)", 0o600) }
        let shown = try bucket.mount(bucket.objects()).shown("d")
        #expect(shown.values.allSatisfy { $0.posix?.mode == 0o100600 })
        // Nor is an object deleted that somebody may have written just now.
        for index in 0..<4 { try stores[0].unlink("d/f\(index)", .some) }
        let path = AttributeNames.document(of: RelativePath("d"))
        let left = try AttributeDocument(decoding: objects[0].read(path, limit: 1000).bytes)
        #expect(left.isEmpty)
    }

    @Test func `a directory with odd files costs one PUT, and 200 of them two requests to list`() throws {
        let bucket = try AttributedBucket("untar")
        let scratch = try JournalDirectory()
        let objects = try bucket.objects()
        let store = try bucket.mount(objects, journal: scratch.path)
        try store.mkdir("d", 0o750)
        for index in 0..<200 {
            try store.write("d/f\(index)", "text", mode: 0o640)
            var change = AttributeChange(changed: 7)
            change.modified = Int64(index)
            let known = try store.attributes(of: RelativePath("d/f\(index)"), known: .file)
            _ = try store.change(RelativePath("d/f\(index)"), change, known: known)
        }
        objects.forget()
        bucket.clock.advance(seconds: 1)
        store.housekeep()
        #expect(objects.calls.sorted() == ["PUT .alluxio.attributes", "PUT d/.alluxio.attributes"])
        let fresh = try bucket.objects()
        let shown = try bucket.mount(fresh).shown("d")
        #expect(fresh.calls.count == 2)
        for index in 0..<200 {
            #expect(shown["f\(index)"]?.modified == Int64(index))
            #expect(shown["f\(index)"]?.posix?.mode == 0o100640)
        }
    }

    @Test func `5000 entries lie in parts, and read back`() throws {
        let bucket = try AttributedBucket("parts")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects) { $0.journalDirectory = nil }
        let changes = (0..<5000).map { index -> AttributedStore.PathChange in
            var change = EntryChange()
            change.uid = .set(UInt32(index))
            return (RelativePath("d/f\(index)"), change)
        }
        try store.note(Array(changes[..<4096]))
        #expect(try !store.storedDocument(of: RelativePath("d")).document.isSplit)
        try store.note(Array(changes[4096...]))
        let found = try store.storedDocument(of: RelativePath("d"))
        #expect(found.document.isSplit)
        #expect(found.document.entries.count == 5000)
        objects.forget()
        try store.note([changes[7]].map { ($0.path, .removed) })
        #expect(objects.calls.count <= 2)
        let again = try bucket.mount(bucket.objects())
        try again.load(RelativePath("d"), .trusted)
        #expect(again.knownEntry(of: RelativePath("d/f7")) == nil)
        #expect(again.knownEntry(of: RelativePath("d/f4999"))?.uid == 4999)
    }
}
