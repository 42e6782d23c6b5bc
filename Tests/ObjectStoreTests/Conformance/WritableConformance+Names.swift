import Foundation
import Metadata
import Pages
import Testing

// Making, linking, removing and renaming.
extension WritableConformance {
    func checkMaking(_ fixture: some WritableFixture) throws {
        let time: Int64 = 1_600_000_000_123_456_789
        var made: [(String, NewEntry)] = []
        for (name, type) in [("dir", S_IFDIR), ("fifo", S_IFIFO), ("socket", S_IFSOCK)] {
            for mode: mode_t in [0, 0o777, 0o1751, 0o6750, 0o2707] {
                made.append(("\(name) \(mode)", fixture.entry(type | mode, time: time)))
            }
        }
        made.append(("link", fixture.entry(S_IFLNK | 0o777, target: "nowhere/\u{FC}", time: time)))
        if geteuid() == 0 {
            made.append(("device", fixture.entry(S_IFBLK | 0o660, device: 0x0701, time: time)))
        }
        if fixture.writable.makesFilesAtOnce {
            for mode: mode_t in [0, 0o444, 0o666, 0o4755, 0o777] {
                made.append(("file \(mode)", fixture.entry(S_IFREG | mode, time: time)))
            }
        }
        // The process has a umask, as every one has, which must play no part.
        for (name, entry) in made {
            let answer = try fixture.writable.make(path(name), entry)
            let posix = try #require(answer.posix, "\(name)")
            #expect(posix.mode == entry.mode, "\(name)")
            #expect(posix.uid == entry.uid && posix.gid == entry.gid, "\(name)")
            #expect(posix.device == entry.device, "\(name)")
            #expect(answer.modified == time, "\(name)")
            expectSame(answer, try fixture.look(path(name)), "\(name)")
        }
        #expect(try fixture.writable.linkTarget(of: path("link")) == Array("nowhere/\u{FC}".utf8))
    }

    func checkListed(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(path("dir"))
        _ = try fixture.writable.make(path("link"), fixture.entry(S_IFLNK | 0o777, target: "dir"))
        _ = try fixture.writable.make(path("fifo"), fixture.entry(S_IFIFO | 0o600))
        try fixture.create(path("file"), contents(10))
        let listed = try fixture.list(directory)
        #expect(
            Set(listed.map { String(decoding: $0.name, as: UTF8.self) }) == ["dir", "link", "fifo", "file"]
        )
        for (name, attributes) in listed {
            expectSame(attributes, try fixture.look(directory.appending(name)))
        }
        #expect(try fixture.list(path("dir")).isEmpty)
    }

    func checkOverMaking(_ fixture: some WritableFixture) throws {
        let bytes = contents(100)
        try fixture.create(path("file"), bytes)
        try fixture.makeDirectory(path("dir"))
        for name in ["file", "dir"] {
            for type in [S_IFDIR, S_IFIFO, S_IFLNK] {
                #expect(throws: StoreError.exists, "\(name)") {
                    try fixture.writable.make(path(name), fixture.entry(type | 0o755, target: "x"))
                }
            }
        }
        if fixture.writable.makesFilesAtOnce {
            #expect(throws: StoreError.exists) {
                try fixture.writable.make(path("file"), fixture.entry(S_IFREG | 0o644))
            }
        }
        #expect(try fixture.bytes(path("file")) == bytes)
        #expect(try fixture.look(path("dir")).kind == .directory)
    }

    func checkTooLong(_ fixture: some WritableFixture) throws {
        let long = directory.appending(fixture.nameTooLong)
        do throws(StoreError) {
            _ = try fixture.writable.make(long, fixture.entry(S_IFDIR | 0o755))
            Issue.record("made it")
        } catch {
            guard case .nameTooLong(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(text.contains(rawValue))
        }
    }

    func checkLinks(_ fixture: some WritableFixture) throws {
        let first = try fixture.create(path("one"), contents(1000))
        let linked = try fixture.writable.link(path("one"), to: path("two"), known: first, time: 5)
        #expect(linked.posix?.linkCount == 2)
        expectSame(linked, try fixture.look(path("two")))
        #expect(try fixture.look(path("one")).posix?.linkCount == 2)
        let etag = try #require(linked.etag)
        try fixture.commit(contents(500, salt: 1), to: path("two"), if: .version(etag))
        #expect(try fixture.bytes(path("one")) == contents(500, salt: 1))
        let known = try fixture.look(path("one"))
        try fixture.writable.remove(path("one"), known: known, siblings: .some)
        #expect(try fixture.look(path("two")).posix?.linkCount == 1)
        #expect(try fixture.bytes(path("two")) == contents(500, salt: 1))
    }

    func checkOverLinking(_ fixture: some WritableFixture) throws {
        let known = try fixture.create(path("one"), contents(10))
        try fixture.create(path("two"), contents(20))
        #expect(throws: StoreError.exists) {
            try fixture.writable.link(path("one"), to: path("two"), known: known, time: 5)
        }
        #expect(try fixture.bytes(path("two")) == contents(20))
    }

    func checkRemoving(_ fixture: some WritableFixture) throws {
        try fixture.create(path("file"), contents(10))
        _ = try fixture.writable.make(path("link"), fixture.entry(S_IFLNK | 0o777, target: "file"))
        _ = try fixture.writable.make(path("fifo"), fixture.entry(S_IFIFO | 0o600))
        for (name, siblings) in [("link", Siblings.some), ("fifo", .unknown), ("file", .none)] {
            let known = try fixture.look(path(name))
            try fixture.writable.remove(path(name), known: known, siblings: siblings)
            #expect(throws: StoreError.notFound) { try fixture.look(path(name)) }
            #expect(throws: StoreError.notFound) {
                try fixture.writable.remove(path(name), known: known, siblings: siblings)
            }
        }
        // The directory stays when its last entry goes.
        #expect(try fixture.look(directory).kind == .directory)
        #expect(try fixture.list(directory).isEmpty)
    }

    func checkStaleRemoving(_ fixture: some WritableFixture) throws {
        let known = try fixture.create(path("file"), contents(10))
        try fixture.put(path("file"), contents(30, salt: 9))
        #expect(throws: StoreError.stale) {
            try fixture.writable.remove(path("file"), known: known, siblings: .unknown)
        }
        #expect(try fixture.bytes(path("file")) == contents(30, salt: 9))
        // Other attributes are not other data.
        let now = try fixture.look(path("file"))
        var change = AttributeChange(changed: 7)
        change.permissions = 0o600
        _ = try fixture.writable.change(path("file"), change, known: now)
        try fixture.writable.remove(path("file"), known: now, siblings: .unknown)
    }

    func checkRemovingDirectories(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(path("dir"))
        let file = path("dir").appending("file".utf8)
        let known = try fixture.create(file, contents(10))
        #expect(throws: StoreError.notEmpty) {
            try fixture.writable.removeDirectory(path("dir"), siblings: .none)
        }
        try fixture.writable.remove(file, known: known, siblings: .none)
        try fixture.writable.removeDirectory(path("dir"), siblings: .none)
        #expect(throws: StoreError.notFound) { try fixture.look(path("dir")) }
        #expect(throws: StoreError.notFound) {
            try fixture.writable.removeDirectory(path("dir"), siblings: .none)
        }
        #expect(try fixture.look(directory).kind == .directory)
    }

    func checkRenaming(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(path("from"))
        try fixture.makeDirectory(path("from/sub"))
        try fixture.create(path("from/file"), contents(1000))
        try fixture.create(path("from/sub/deep"), contents(2000))
        _ = try fixture.writable.make(path("from/link"), fixture.entry(S_IFLNK | 0o777, target: "file"))
        for (name, target) in [("from/file", "file"), ("from/link", "link"), ("from", "to")] {
            let known = try fixture.look(path(name))
            let moved = try fixture.writable.rename(
                path(name),
                to: path(target),
                .replace,
                known: (known, nil),
                siblings: .unknown
            )
            #expect(moved.kind == known.kind && moved.size == known.size && moved.modified == known.modified)
            #expect(moved.posix?.mode == known.posix?.mode)
            expectSame(moved, try fixture.look(path(target)))
            #expect(throws: StoreError.notFound) { try fixture.look(path(name)) }
        }
        #expect(try fixture.bytes(path("file")) == contents(1000))
        #expect(try fixture.bytes(path("to/sub/deep")) == contents(2000))
        #expect(try fixture.writable.linkTarget(of: path("link")) == Array("file".utf8))
    }

    func checkReplacing(_ fixture: some WritableFixture) throws {
        let one = try fixture.create(path("one"), contents(1000))
        let two = try fixture.create(path("two"), contents(2000))
        _ = try fixture.writable.rename(
            path("one"),
            to: path("two"),
            .replace,
            known: (one, two),
            siblings: .some
        )
        #expect(try fixture.bytes(path("two")) == contents(1000))
        try fixture.makeDirectory(path("full"))
        try fixture.create(path("full/file"), contents(10))
        let full = try fixture.look(path("full"))
        let empty = try fixture.makeDirectory(path("empty"))
        #expect(throws: StoreError.notEmpty) {
            try fixture.writable.rename(
                path("empty"),
                to: path("full"),
                .replace,
                known: (empty, full),
                siblings: .some
            )
        }
        _ = try fixture.writable.rename(
            path("full"),
            to: path("empty"),
            .replace,
            known: (full, empty),
            siblings: .some
        )
        #expect(try fixture.bytes(path("empty/file")) == contents(10))
        #expect(throws: StoreError.notFound) { try fixture.look(path("full")) }
    }

    func checkStaleReplacing(_ fixture: some WritableFixture) throws {
        let one = try fixture.create(path("one"), contents(1000))
        let two = try fixture.create(path("two"), contents(2000))
        try fixture.put(path("two"), contents(50, salt: 3))
        for known in [nil, two] {
            #expect(throws: StoreError.stale) {
                try fixture.writable.rename(
                    path("one"),
                    to: path("two"),
                    .replace,
                    known: (one, known),
                    siblings: .some
                )
            }
        }
        #expect(try fixture.bytes(path("two")) == contents(50, salt: 3))
        #expect(try fixture.bytes(path("one")) == contents(1000))
        // Nothing is lost if the target is gone.
        try fixture.remove(path("two"))
        _ = try fixture.writable.rename(
            path("one"),
            to: path("two"),
            .replace,
            known: (one, two),
            siblings: .some
        )
        #expect(try fixture.bytes(path("two")) == contents(1000))
    }

    func checkRenameModes(_ fixture: some WritableFixture) throws {
        let one = try fixture.create(path("one"), contents(1000))
        let two = try fixture.create(path("two"), contents(2000))
        for known in [two, nil] {
            #expect(throws: StoreError.exists) {
                try fixture.writable.rename(
                    path("one"),
                    to: path("two"),
                    .noReplace,
                    known: (one, known),
                    siblings: .some
                )
            }
        }
        _ = try fixture.writable.rename(
            path("one"),
            to: path("two"),
            .exchange,
            known: (one, two),
            siblings: .some
        )
        #expect(try fixture.bytes(path("one")) == contents(2000))
        #expect(try fixture.bytes(path("two")) == contents(1000))
        let known = try fixture.look(path("one"))
        _ = try fixture.writable.rename(
            path("one"),
            to: path("three"),
            .noReplace,
            known: (known, nil),
            siblings: .some
        )
        #expect(try fixture.bytes(path("three")) == contents(2000))
    }
}
