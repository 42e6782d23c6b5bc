import Glibc
import Metadata
import Pages
import TestServers
import Testing

@testable import ObjectStore

/// A directory that is gone when the value is.
final class JournalDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/attributes-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template).map { String(cString: $0) })
        path = made
    }

    /// Makes this what another directory is now: what a process leaves that dies at this moment.
    func copyJournal(of other: JournalDirectory) {
        let source = open(other.path + "/" + Journal.name, O_RDONLY | O_CLOEXEC)
        let target = open(path + "/" + Journal.name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, write(target, buffer, count) == count else { break }
        }
        close(source)
        close(target)
    }

    deinit {
        unlink(path + "/" + Journal.name)
        unlink(path + "/" + Journal.name + ".new")
        rmdir(path)
    }
}

@Suite(.serialized, .timeLimit(.minutes(10)))
struct AttributedJournalTests {
    @Test func `changes go out together after a second, or at once when somebody syncs`() throws {
        let bucket = try AttributedBucket("group")
        for index in 0..<50 { try bucket.put("text", "d/f\(index)") }
        let scratch = try JournalDirectory()
        let objects = try bucket.objects()
        let store = try bucket.mount(objects, journal: scratch.path)
        let shown = try store.shown("d")
        var change = AttributeChange(changed: 5)
        change.permissions = 0o600
        for (name, known) in shown { _ = try store.change(RelativePath("d/\(name)"), change, known: known) }
        objects.forget()
        store.housekeep()
        #expect(objects.calls.isEmpty)
        #expect(try store.shown("d")["f7"]?.posix?.mode == 0o100600)
        bucket.clock.advance(seconds: 1)
        objects.forget()
        store.housekeep()
        #expect(objects.calls == ["PUT .alluxio.attributes", "PUT d/.alluxio.attributes"])
        change.permissions = 0o640
        _ = try store.change(RelativePath("d/f7"), change, known: store.stat("d/f7"))
        try store.sync(RelativePath("d/f7"))
        #expect(try bucket.mount(bucket.objects()).shown("d")["f7"]?.posix?.mode == 0o100640)
    }

    @Test func `what a killed process had promised, the next one does`() throws {
        let bucket = try AttributedBucket("killed")
        for name in ["a", "b", "c"] { try bucket.put("text", "d/\(name)") }
        let scratch = try JournalDirectory()
        do {
            let objects = try bucket.objects()
            let store = try bucket.mount(objects, journal: scratch.path)
            try store.unlink("d/c")
            try store.chmod("d/a", 0o600)
            try store.unlink("d/b")
            objects.die(after: 0)
        }
        let fresh = try bucket.mount(bucket.objects())
        #expect(try Set(fresh.shown("d").keys) == ["a", "b"])
        let store = try bucket.mount(bucket.objects(), journal: scratch.path)
        #expect(try Set(store.shown("d").keys) == ["a"])
        #expect(try store.stat("d/a").posix?.mode == 0o100600)
        bucket.clock.advance(seconds: 2)
        store.housekeep()
        let other = try bucket.mount(bucket.objects())
        #expect(try other.shown("d").mapValues { $0.posix?.mode } == ["a": 0o100600])
        #expect(try #require(store.journal).isEmpty)
    }

    @Test func `what somebody made anew after a crash is not removed`() throws {
        let bucket = try AttributedBucket("reborn")
        for name in ["a", "b", "c"] { try bucket.put("text", name) }
        let scratch = try JournalDirectory()
        do {
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            for name in ["a", "b", "c"] { try store.unlink(name, .some) }
        }
        try bucket.put("not the same", "b")
        let store = try bucket.mount(bucket.objects(), journal: scratch.path)
        try store.sync(.root)
        #expect(try Set(bucket.mount(bucket.objects()).shown().keys) == ["b"])
        #expect(try store.text("b") == "not the same")
    }

    @Test func `eight mounts that make files in one directory lose nothing, and cost little`() throws {
        let bucket = try AttributedBucket("eight")
        let scratches = try (0..<8).map { _ in try JournalDirectory() }
        let objects = try (0..<8).map { _ in try bucket.objects() }
        let stores = try (0..<8).map { try bucket.mount(objects[$0], journal: scratches[$0].path) }
        try TestThreads.run(8) { mount in
            for index in 0..<100 {
                try stores[mount].write("d/m\(mount)-\(index)", "text", mode: 0o600 + UInt32(mount))
                if index % 25 == 24 {
                    // A commit that others overtake ten times is tried again a second later.
                    try? stores[mount].commit(RelativePath("d"))
                }
            }
            for _ in 0..<20 {
                do { return try stores[mount].sync(RelativePath("d/x")) } catch StoreError.unavailable {}
            }
        }
        let shown = try bucket.mount(bucket.objects()).shown("d")
        #expect(shown.count == 800)
        for (name, attributes) in shown {
            let mount = try #require(UInt32(name.dropFirst().prefix(1)))
            #expect(attributes.posix?.mode == 0o100600 + mount, "\(name)")
        }
        // Beside the PUT of each file, which is not counted here.
        let others = objects.reduce(0) { $0 + $1.calls.count }
        #expect(others <= 240, "\(others)")
    }

    @Test func `a torn record at the end is as if it had never been`() throws {
        let scratch = try JournalDirectory()
        do {
            let journal = try Journal(directory: scratch.path)
            try journal.append(.intentDone(5))
            try journal.append(.removal(3, RelativePath("x"), RemovalQueue.Removal(siblings: .some)))
            try journal.append(.removal(4, RelativePath("y"), RemovalQueue.Removal(siblings: .none)))
        }
        let file = scratch.path + "/" + Journal.name
        var status = stat()
        #expect(stat(file, &status) == 0)
        #expect(truncate(file, status.st_size - 1) == 0)
        let journal = try Journal(directory: scratch.path)
        #expect(journal.replay.removals.map(\.path) == [RelativePath("x")])
        #expect(journal.replay.lastNumber == 3)
        #expect(throws: StoreError.self) { try Journal(directory: scratch.path) }
    }

    @Test func `removed names are gone at once, and their objects go in batches`() throws {
        let bucket = try AttributedBucket("batch")
        for directory in 0..<5 {
            for index in 0..<30 { try bucket.put("text", "t/d\(directory)/f\(index)") }
        }
        let scratch = try JournalDirectory()
        let objects = try bucket.objects()
        let store = try bucket.mount(objects, journal: scratch.path)
        objects.forget()
        for directory in 0..<5 {
            let path = RelativePath("t/d\(directory)")
            var left = try store.shown(path.description)
            for (name, known) in left {
                left[name] = nil
                let child = path.appending(Array(name.utf8))
                try store.remove(child, known: known, siblings: left.isEmpty ? .none : .some)
            }
            #expect(try store.shown(path.description).isEmpty)
            try store.removeDirectory(path, siblings: directory == 4 ? .none : .some)
            #expect(throws: StoreError.notFound) { try store.stat("t/d\(directory)/f7") }
        }
        try store.removeDirectory(RelativePath("t"), siblings: .none)
        try store.sync(.root)
        let changing = objects.calls.filter { !$0.hasPrefix("LIST") && !$0.hasPrefix("HEAD") }
        #expect(changing.count <= 6, "\(changing)")
        let other = try bucket.mount(bucket.objects())
        #expect(try other.shown().isEmpty)
        #expect(try !bucket.objects().hasKeys(below: RelativePath("t"), except: []))
    }

    @Test func `a directory stays when its last file goes`() throws {
        let bucket = try AttributedBucket("stays")
        for key in ["one/f", "two/f", "two/g"] { try bucket.put("text", key) }
        let scratch = try JournalDirectory()
        let objects = try bucket.objects()
        let store = try bucket.mount(objects, journal: scratch.path)
        try store.unlink("one/f", .none)
        try store.unlink("two/f", .unknown)
        try store.unlink("two/g", .unknown)
        #expect(throws: StoreError.notFound) { try store.unlink("two/g") }
        try store.sync(.root)
        // This server shows an emptied directory for a while, others do not.
        let markers = Set(objects.calls.filter { $0.hasPrefix("MARKER") })
        #expect(markers == ["MARKER one", "MARKER two"])
        let other = try bucket.mount(bucket.objects())
        #expect(try Set(other.shown().keys) == ["one", "two"])
        #expect(try other.shown("two").isEmpty)
        try other.removeDirectory(RelativePath("two"), siblings: .some)
        #expect(try Set(bucket.mount(bucket.objects()).shown().keys) == ["one"])
    }

    @Test func `a name that was removed can be made again at once`() throws {
        let bucket = try AttributedBucket("again")
        for key in ["d/f", "d/g"] { try bucket.put("text", key) }
        let scratch = try JournalDirectory()
        let store = try bucket.mount(bucket.objects(), journal: scratch.path)
        try store.chmod("d/f", 0o600)
        try store.unlink("d/g", .some)
        try store.unlink("d/f", .none)
        try store.write("d/f", "new")
        bucket.clock.advance(seconds: 2)
        store.housekeep()
        let other = try bucket.mount(bucket.objects())
        #expect(try other.text("d/f") == "new")
        #expect(try other.stat("d/f").posix == nil)
        #expect(try Set(other.shown("d").keys) == ["f"])
    }

    @Test func `a directory that has entries is not removed`() throws {
        let bucket = try AttributedBucket("notempty")
        try bucket.put("text", "d/f")
        try bucket.put("text", "e/f")
        let store = try bucket.mount(bucket.objects())
        #expect(throws: StoreError.notEmpty) { try store.removeDirectory(RelativePath("d"), siblings: .some) }
        try store.mkdir("links")
        _ = try store.hardlink("d/f", "links/only")
        #expect(throws: StoreError.notEmpty) {
            try store.removeDirectory(RelativePath("links"), siblings: .some)
        }
        try store.unlink("links/only", .none)
        try store.removeDirectory(RelativePath("links"), siblings: .some)
        #expect(throws: StoreError.notFound) { try store.stat("links") }
    }

    @Test func `a rename of a directory that is killed anywhere is finished by the next mount`() throws {
        var step = 0
        var isOver = false
        while !isOver {
            let bucket = try AttributedBucket("kill")
            for index in 0..<4 { try bucket.put("text \(index)", "d/f\(index)") }
            try bucket.put("deep", "d/sub/deep")
            let (before, scratch) = (try JournalDirectory(), try JournalDirectory())
            do {
                let objects = try bucket.objects()
                let store = try bucket.mount(objects, journal: before.path) { $0.parallelCopies = 1 }
                try store.chmod("d/f1", 0o600)
                try store.sync(RelativePath("d/f1"))
                let known = try store.stat("d")
                objects.die(after: step) { scratch.copyJournal(of: before) }
                do {
                    let (old, new) = (RelativePath("d"), RelativePath("new"))
                    _ = try store.rename(old, to: new, .replace, known: (known, nil), siblings: .none)
                    isOver = true
                } catch {}
            }
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            let other = try bucket.mount(bucket.objects())
            let names = try Set(store.shown().keys)
            #expect(try names == Set(other.shown().keys), "step \(step)")
            // The old state, if nothing had begun; else the new one; never both, never neither.
            let name = names.contains("new") ? "new" : "d"
            #expect(names == [name], "step \(step)")
            let shown = try store.shown(name)
            #expect(Set(shown.keys) == ["f0", "f1", "f2", "f3", "sub"], "step \(step)")
            #expect(shown["f1"]?.posix?.mode == 0o100600, "step \(step)")
            #expect(try store.text("\(name)/sub/deep") == "deep", "step \(step)")
            step += 1
            try #require(step < 100)
        }
        #expect(step > 15)
    }

    @Test func `an exchange that is killed anywhere is finished by the next mount`() throws {
        var step = 0
        var isOver = false
        while !isOver {
            let bucket = try AttributedBucket("killswap")
            try bucket.put("one", "d/x")
            try bucket.put("two", "e/y")
            let (before, scratch) = (try JournalDirectory(), try JournalDirectory())
            do {
                let objects = try bucket.objects()
                let store = try bucket.mount(objects, journal: before.path) { $0.parallelCopies = 1 }
                let known = (path: try store.stat("d"), target: Optional(try store.stat("e")))
                objects.die(after: step) { scratch.copyJournal(of: before) }
                do {
                    let (old, new) = (RelativePath("d"), RelativePath("e"))
                    _ = try store.rename(old, to: new, .exchange, known: known, siblings: .some)
                    isOver = true
                } catch {}
            }
            let store = try bucket.mount(bucket.objects(), journal: scratch.path)
            #expect(try Set(store.shown().keys) == ["d", "e"], "step \(step)")
            let isSwapped = try store.shown("d").keys.contains("y")
            #expect(try store.text(isSwapped ? "d/y" : "e/y") == "two", "step \(step)")
            #expect(try store.text(isSwapped ? "e/x" : "d/x") == "one", "step \(step)")
            step += 1
            try #require(step < 100)
        }
        #expect(step > 20)
    }
}
