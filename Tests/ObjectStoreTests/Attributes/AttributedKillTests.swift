import Glibc
import Metadata
import Pages
import TestServers
import Testing

@testable import ObjectStore

/// A process that dies before any one of its requests: what the next one of the same mount makes of it.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct AttributedKillTests {
    /// Lets a change die before each of its requests in turn, and at last not at all.
    /// - Parameters:
    ///   - prepare: Makes what is there before.
    ///   - change: What dies.
    ///   - check: Looks at what the next process shows.
    /// - Throws: What one of them throws, but for the change.
    private func killAnywhere(
        prepare: (AttributedBucket, AttributedStore) throws -> Void,
        change: (AttributedStore) throws -> Void,
        check: (AttributedStore, String) throws -> Void
    ) throws {
        for step in 0..<100 {
            let bucket = try AttributedBucket("step")
            let (before, scratch) = (try JournalDirectory(), try JournalDirectory())
            var isOver = false
            do {
                let objects = try bucket.objects()
                let store = try bucket.mount(objects, journal: before.path)
                try prepare(bucket, store)
                objects.die(after: step) { scratch.copyJournal(of: before) }
                isOver = (try? change(store)) != nil
                if isOver { scratch.copyJournal(of: before) }
            }
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            try store.sync(.root)
            try check(store, "step \(step)")
            if isOver { return }
        }
        Issue.record("the change has no end")
    }

    @Test func `a rename of a file is finished or was never begun, and no other name suffers`() throws {
        try killAnywhere { bucket, store in
            try bucket.put("one", "a")
            try bucket.put("two", "b")
            try store.chmod("a", 0o600)
            _ = try store.hardlink("b", "other")
            try store.sync(.root)
        } change: { store in
            let known = (path: try store.stat("a"), target: Optional(try store.stat("b")))
            let (old, new) = (RelativePath("a"), RelativePath("b"))
            _ = try store.rename(old, to: new, .replace, known: known, siblings: .some)
        } check: { store, step in
            let names = try Set(store.shown().keys)
            let isMoved = !names.contains("a")
            #expect(names.subtracting(["a"]) == ["b", "other"], "\(step)")
            let name = isMoved ? "b" : "a"
            let mode = try store.stat(name).posix?.mode
            let (text, other) = try (store.text(name), store.text("other"))
            #expect(text == "one", "\(step)")
            #expect(mode == 0o100600, "\(step)")
            #expect(other == "two", "\(step)")
            let target = try store.text("b")
            #expect(target == (isMoved ? "one" : "two"), "\(step)")
        }
    }

    @Test func `a symbolic link that was being renamed is one, under one of the names`() throws {
        try killAnywhere { _, store in
            _ = try store.make(RelativePath("a"), Self.link)
        } change: { store in
            let known = (path: try store.stat("a"), target: Attributes?.none)
            let (old, new) = (RelativePath("a"), RelativePath("b"))
            _ = try store.rename(old, to: new, .replace, known: known, siblings: .some)
        } check: { store, step in
            let shown = try store.shown()
            #expect(shown.count == 1, "\(step)")
            #expect(shown.values.first?.kind == .symbolicLink, "\(step)")
        }
    }

    @Test func `directories that change places keep what is said of them and of what is in them`() throws {
        try killAnywhere { bucket, store in
            try bucket.put("one", "d/x")
            try bucket.put("two", "e/y")
            try store.chmod("d", 0o711)
            try store.chmod("d/x", 0o601)
            try store.chmod("e", 0o722)
            try store.chmod("e/y", 0o602)
        } change: { store in
            let known = (path: try store.stat("d"), target: Optional(try store.stat("e")))
            let (old, new) = (RelativePath("d"), RelativePath("e"))
            _ = try store.rename(old, to: new, .exchange, known: known, siblings: .some)
        } check: { store, step in
            let isSwapped = try store.shown("d").keys.contains("y")
            let (one, two) = isSwapped ? ("e", "d") : ("d", "e")
            let modes = try [one, "\(one)/x", two, "\(two)/y"].map { try store.stat($0).posix?.mode }
            #expect(modes == [0o040711, 0o100601, 0o040722, 0o100602], "\(step)")
        }
    }

    @Test func `a further name that replaces a file leaves no object behind`() throws {
        try killAnywhere { bucket, store in
            try bucket.put("one", "a")
            try bucket.put("two", "c")
            _ = try store.hardlink("a", "b")
            try store.sync(.root)
        } change: { store in
            try store.move("b", "c")
        } check: { store, step in
            let text = try store.text("c")
            let isMoved = text == "one"
            #expect(isMoved || text == "two", "\(step)")
            let names = try Set(store.shown().keys)
            #expect(names == (isMoved ? ["a", "c"] : ["a", "b", "c"]), "\(step)")
            guard isMoved else { return }
            try store.unlink("c", .some)
            try store.sync(.root)
            #expect(throws: StoreError.notFound, "\(step)") {
                _ = try store.objects.attributes(of: RelativePath("c"), known: .file)
            }
        }
    }

    @Test func `an object that got its next name leaves nothing there when that name goes`() throws {
        try killAnywhere { bucket, store in
            try bucket.put("one", "a")
            _ = try store.hardlink("a", "b")
            try store.sync(.root)
        } change: { store in
            try store.unlink("a", .some)
        } check: { store, step in
            let text = try store.text("b")
            #expect(text == "one", "\(step)")
            for name in try store.shown().keys.sorted() { try store.unlink(name, .some) }
            try store.sync(.root)
            for name in ["a", "b"] {
                #expect(throws: StoreError.notFound, "\(name), \(step)") {
                    _ = try store.objects.attributes(of: RelativePath(name), known: .file)
                }
            }
        }
    }

    @Test func `a file with two names and a directory change places, or neither does`() throws {
        try killAnywhere { bucket, store in
            try Self.prepareExchange(bucket, store)
        } change: { store in
            try store.move("f", "d", .exchange)
        } check: { store, step in
            try Self.checkExchange(store, step)
        }
    }

    private static func prepareExchange(_ bucket: AttributedBucket, _ store: AttributedStore) throws {
        try bucket.put("one", "f")
        try bucket.put("two", "d/x")
        _ = try store.hardlink("f", "other")
        try store.chmod("f", 0o640)
        try store.sync(.root)
    }

    private static func checkExchange(_ store: AttributedStore, _ step: String) throws {
        let shown = try store.shown()
        #expect(Set(shown.keys) == ["d", "f", "other"], "\(step)")
        let (file, directory) = shown["d"]?.kind == .file ? ("d", "f") : ("f", "d")
        #expect(shown[file]?.posix?.mode == 0o100640, "\(step)")
        #expect(shown[file]?.posix?.linkCount == 2, "\(step)")
        #expect(shown[directory]?.kind == .directory, "\(step)")
        let texts = try [store.text(file), store.text("other"), store.text("\(directory)/x")]
        #expect(texts == ["one", "one", "two"], "\(step)")
    }

    @Test(arguments: [false, true])
    func `names outside of directories that change places lead to the same files after it`(
        isInside: Bool
    ) throws {
        try killAnywhere { bucket, store in
            try bucket.put("mine", isInside ? "d/f" : "o/f")
            try bucket.put("other", "e/s/f")
            _ = try store.hardlink(isInside ? "d/f" : "o/f", isInside ? "o/f" : "d/f")
            try store.sync(.root)
            try store.finish()
        } change: { store in
            try store.move("d", "e/s", .exchange)
        } check: { store, step in
            let isSwapped = try store.text("d/f") == "other"
            let texts = try [store.text("o/f"), store.text("d/f"), store.text("e/s/f")]
            #expect(texts == (isSwapped ? ["mine", "other", "mine"] : ["mine", "mine", "other"]), "\(step)")
        }
    }

    /// Lets each request of a change fail in turn, and no other.
    private func failAnywhere(
        isDone: Bool,
        prepare: (AttributedBucket, AttributedStore) throws -> Void,
        change: (AttributedStore) throws -> Void,
        check: (AttributedStore, String) throws -> Void
    ) throws {
        for step in 0..<100 {
            let bucket = try AttributedBucket("failed")
            let scratch = try JournalDirectory()
            let objects = try bucket.objects()
            do {
                let store = try bucket.mount(objects, journal: scratch.path)
                try prepare(bucket, store)
                objects.fail(step, isDone: isDone)
                try? change(store)
                if objects.isToFail { return }
                if step % 2 == 0 {
                    // Whoever changes one of the names finds no half of it.
                    for name in ["f", "d"] { try store.settle(RelativePath(name)) }
                    try check(store, "step \(step), settled")
                }
                try? store.finish()
            }
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            try check(store, "step \(step), mounted again")
        }
        Issue.record("the change has no end")
    }

    @Test(arguments: [false, true])
    func `an exchange of which one request fails is whole, sooner or later`(isDone: Bool) throws {
        try failAnywhere(isDone: isDone) { bucket, store in
            try Self.prepareExchange(bucket, store)
        } change: { store in
            try store.move("f", "d", .exchange)
        } check: { store, step in
            try Self.checkExchange(store, step)
        }
    }

    @Test(arguments: [false, true])
    func `a rename of a file with two names of which one request fails is whole, sooner or later`(
        isDone: Bool
    ) throws {
        try failAnywhere(isDone: isDone) { bucket, store in
            try Self.prepareExchange(bucket, store)
        } change: { store in
            try store.move("f", "new")
        } check: { store, step in
            let shown = try store.shown()
            let name = shown["f"] == nil ? "new" : "f"
            #expect(shown[name]?.posix?.mode == 0o100640, "\(step)")
            #expect(shown[name]?.posix?.linkCount == 2, "\(step)")
            let texts = try [store.text(name), store.text("other")]
            #expect(texts == ["one", "one"], "\(step)")
        }
    }

    @Test(arguments: ["d", "f", "other"])
    func `a name that could not be removed is what it was`(name: String) throws {
        let bucket = try AttributedBucket("refused")
        let (scratch, again) = (try JournalDirectory(), try JournalDirectory())
        do {
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            try store.mkdir("d", 0o701)
            try bucket.put("one", "f")
            try bucket.put("two", "g")
            try store.chmod("f", 0o640)
            _ = try store.hardlink("g", "other")
            try store.finish()
        }
        let objects = try bucket.objects()
        let store = try bucket.mount(objects, journal: again.path)
        let before = try store.shown()
        objects.die(after: name == "d" ? 1 : 0)
        #expect(throws: StoreError.self) {
            if name == "d" {
                try store.removeDirectory(RelativePath(name), siblings: .some)
            } else {
                try store.remove(RelativePath(name), known: #require(before[name]), siblings: .some)
            }
        }
        objects.revive()
        let after = try store.shown()
        #expect(after.mapValues(\.posix?.mode) == before.mapValues(\.posix?.mode))
        #expect(after.mapValues(\.posix?.linkCount) == before.mapValues(\.posix?.linkCount))
    }

    @Test func `what was being made is what it should be, or is not there`() throws {
        try killAnywhere { (_: AttributedBucket, _: AttributedStore) throws -> Void in
        } change: { store in
            _ = try store.make(RelativePath("link"), Self.link)
            var directory = Self.link
            directory.mode = UInt32(S_IFDIR) | 0o700
            _ = try store.make(RelativePath("dir"), directory)
        } check: { store, step in
            let shown = try store.shown()
            #expect(shown["link"] == nil || shown["link"]?.kind == .symbolicLink, "\(step)")
            #expect(shown["dir"] == nil || shown["dir"]?.posix?.mode == 0o040700, "\(step)")
        }
    }

    @Test func `a tree that was removed stays away, whatever was said of its names before`() throws {
        try killAnywhere { bucket, store in
            try bucket.put("text", "d/s/f")
            try bucket.put("text", "kept")
            try store.unlink("kept", .some)
            try store.chmod("d/s/f", 0o600)
            try store.chmod("d/s", 0o700)
            try store.unlink("d/s/f", .none)
            try store.removeDirectory(RelativePath("d/s"), siblings: .none)
            try store.removeDirectory(RelativePath("d"), siblings: .some)
        } change: { store in
            try store.sync(.root)
        } check: { store, step in
            let shown = try store.shown()
            #expect(shown.isEmpty, "\(step)")
        }
    }

    private static let link = NewEntry(
        mode: UInt32(S_IFLNK) | 0o777,
        uid: 0,
        gid: 0,
        device: 0,
        target: Array("target".utf8),
        time: 1_000_000_000
    )
}
