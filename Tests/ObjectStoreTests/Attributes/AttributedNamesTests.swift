import Metadata
import Pages
import Testing

@testable import ObjectStore

@Suite(.serialized, .timeLimit(.minutes(10)))
struct AttributedNamesTests {
    @Test func `several names of one file show one file`() throws {
        let bucket = try AttributedBucket("links")
        try bucket.put("text", "d/first")
        try bucket.put("x", "e/other")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        let made = try store.hardlink("d/first", "e/second")
        #expect(made.posix?.linkCount == 2)
        _ = try store.hardlink("e/second", "d/third")
        #expect(!objects.calls.contains { $0.hasPrefix("COPY") })
        try store.chmod("e/second", 0o640)
        let other = try bucket.mount(bucket.objects())
        let names = ["d/first", "e/second", "d/third"]
        let all = try names.map { try other.stat($0) }
        #expect(Set(all).count == 1)
        #expect(all[0].posix?.linkCount == 3)
        #expect(all[0].posix?.mode == 0o100640)
        #expect(all[0].posix?.inode == made.posix?.inode)
        #expect(all[0].posix?.inode != 0)
        for name in names { #expect(try other.text(name) == "text") }
        #expect(try other.shown("d") == ["first": all[0], "third": all[0]])
        #expect(try other.shown("e")["second"] == all[0])
        // A write through any name is a write of the file.
        let etag = try #require(all[0].etag)
        try other.write("e/second", "new text", if: .version(etag), mode: nil)
        for name in names { #expect(try other.text(name) == "new text") }
        #expect(try other.stat("d/first").posix?.mode == 0o100640)
    }

    @Test func `when the name goes that holds the object, another one gets it`() throws {
        let bucket = try AttributedBucket("heir")
        try bucket.put("text", "d/first")
        let store = try bucket.mount(bucket.objects())
        _ = try store.hardlink("d/first", "d/second")
        _ = try store.hardlink("d/first", "e/third")
        let before = try store.stat("d/first")
        try store.unlink("d/first")
        let other = try bucket.mount(bucket.objects())
        #expect(try Set(other.shown("d").keys) == ["second"])
        #expect(try other.text("e/third") == "text")
        let after = try other.stat("d/second")
        #expect(after.posix?.linkCount == 2)
        #expect(after.posix?.inode == before.posix?.inode)
        #expect(after.modified == before.modified)
        try other.unlink("d/second")
        try other.unlink("e/third")
        #expect(try bucket.mount(bucket.objects()).shown("d").isEmpty)
    }

    @Test func `links follow their file to its new name`() throws {
        let bucket = try AttributedBucket("follow")
        try bucket.put("text", "d/first")
        let store = try bucket.mount(bucket.objects())
        _ = try store.hardlink("d/first", "e/second")
        try store.move("d/first", "f/moved")
        #expect(try store.text("e/second") == "text")
        try store.move("e/second", "e/third")
        let other = try bucket.mount(bucket.objects())
        #expect(try other.stat("f/moved") == other.stat("e/third"))
        #expect(try other.text("e/third") == "text")
        #expect(throws: StoreError.notFound) { try other.stat("e/second") }
        // Renaming one name of a file onto another does nothing, says POSIX.
        try other.move("e/third", "f/moved")
        #expect(try other.stat("e/third").posix?.linkCount == 2)
    }

    @Test func `a rename costs a copy and a delete, and everything said goes along`() throws {
        let bucket = try AttributedBucket("rename")
        try bucket.put("text", "d/a")
        try bucket.put("old", "d/b")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects) { $0.syncInterval = nil }
        try store.chmod("d/a", 0o600)
        let before = try store.stat("d/a")
        let known = (path: before, target: Optional(try store.stat("d/b")))
        objects.forget()
        let (old, new) = (RelativePath("d/a"), RelativePath("d/b"))
        _ = try store.rename(old, to: new, .replace, known: known, siblings: .some)
        #expect(objects.calls == ["COPY d/a", "PUT d/.alluxio.attributes", "DELETE d/a"])
        let shown = try bucket.mount(bucket.objects()).shown("d")
        #expect(shown["b"]?.posix?.mode == 0o100600)
        #expect(shown["b"]?.modified == before.modified)
        #expect(shown["a"] == nil)
        #expect(try store.text("d/b") == "text")
    }

    @Test func `a rename that may not replace does not`() throws {
        let bucket = try AttributedBucket("noreplace")
        try bucket.put("text", "a")
        try bucket.put("old", "b")
        let store = try bucket.mount(bucket.objects())
        let (old, new) = (RelativePath("a"), RelativePath("b"))
        // The caller does not know of b.
        #expect(throws: StoreError.exists) {
            try store.rename(old, to: new, .noReplace, known: (store.stat("a"), nil), siblings: .some)
        }
        #expect(try store.text("b") == "old")
        #expect(try store.text("a") == "text")
        try store.move("a", "c", .noReplace)
        #expect(try store.text("c") == "text")
    }

    @Test func `a file that somebody replaced is not renamed by mistake`() throws {
        let bucket = try AttributedBucket("foreign")
        try bucket.put("text", "a")
        let store = try bucket.mount(bucket.objects())
        let known = try store.stat("a")
        try bucket.put("other", "a")
        guard try bucket.objects().conditions().copySource else { return }
        #expect(throws: StoreError.stale) {
            try store.rename(
                RelativePath("a"),
                to: RelativePath("b"),
                .replace,
                known: (known, nil),
                siblings: .some
            )
        }
        #expect(try store.text("a") == "other")
    }

    @Test func `files, and directories, change places`() throws {
        let bucket = try AttributedBucket("exchange")
        for key in ["a", "d/x", "d/sub/y", "e/z"] { try bucket.put("text of \(key)", key) }
        try bucket.put("text of b", "b")
        let store = try bucket.mount(bucket.objects())
        try store.chmod("a", 0o600)
        try store.chmod("d/x", 0o640)
        try store.chmod("e", 0o700)
        try store.move("a", "b", .exchange)
        #expect(try store.text("a") == "text of b")
        #expect(try store.text("b") == "text of a")
        try store.move("d", "e", .exchange)
        let other = try bucket.mount(bucket.objects())
        #expect(try Set(other.shown().keys) == ["a", "b", "d", "e"])
        #expect(try other.text("b") == "text of a")
        #expect(try other.stat("b").posix?.mode == 0o100600)
        #expect(try other.text("e/sub/y") == "text of d/sub/y")
        #expect(try other.stat("e/x").posix?.mode == 0o100640)
        #expect(try Set(other.shown("d").keys) == ["z"])
        #expect(try other.stat("d").posix?.mode == 0o40700)
    }

    @Test func `a directory of 200 files moves in 410 requests, with all that is said`() throws {
        let bucket = try AttributedBucket("movedir")
        for index in 0..<198 { try bucket.put("text \(index)", "d/f\(index)") }
        try bucket.put("deep", "d/sub/deep")
        let objects = try bucket.objects()
        let store = try bucket.mount(objects)
        try store.mkdir("d/empty")
        try store.chmod("d/f7", 0o600)
        try store.symlink("f7", "d/link")
        _ = try store.hardlink("d/f8", "d/sub/eight")
        _ = try store.hardlink("d/f9", "nine")
        let before = try store.shown("d")
        objects.forget()
        try store.move("d", "new")
        #expect(objects.calls.count <= 230, "\(objects.calls.count)")
        let other = try bucket.mount(bucket.objects())
        #expect(throws: StoreError.notFound) { try other.stat("d") }
        #expect(try Set(other.shown().keys) == ["new", "nine"])
        let after = try other.shown("new")
        #expect(after.keys.sorted() == before.keys.sorted())
        #expect(after["f7"]?.posix?.mode == 0o100600)
        for (name, attributes) in before where attributes.kind == .file {
            #expect(after[name]?.modified == attributes.modified, "\(name)")
        }
        #expect(try other.linkTarget(of: RelativePath("new/link")) == Array("f7".utf8))
        #expect(try other.stat("new/link").kind == .symbolicLink)
        #expect(try other.text("new/f150") == "text 150")
        #expect(try other.text("new/sub/eight") == "text 8")
        #expect(try other.text("nine") == "text 9")
        #expect(try other.stat("nine") == other.stat("new/f9"))
    }

    @Test func `a directory replaces an empty one only`() throws {
        let bucket = try AttributedBucket("onto")
        for key in ["d/x", "full/y"] { try bucket.put("text", key) }
        let store = try bucket.mount(bucket.objects())
        try store.mkdir("empty")
        #expect(throws: StoreError.notEmpty) { try store.move("d", "full") }
        try store.move("d", "empty")
        #expect(try store.text("empty/x") == "text")
        #expect(throws: StoreError.notFound) { try store.stat("d") }
    }
}
