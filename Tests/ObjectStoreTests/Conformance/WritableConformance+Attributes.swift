import Foundation
import Metadata
import Pages
import Synchronization
import Testing

// Attributes, durability and many threads.
extension WritableConformance {
    private static let time: Int64 = 1_600_000_000_123_456_789

    func checkChanges(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(path("dir"))
        _ = try fixture.writable.make(path("fifo"), fixture.entry(S_IFIFO | 0o644))
        try fixture.create(path("file"), contents(100))
        for name in ["dir", "fifo", "file"] {
            let before = try fixture.look(path(name))
            var mode = AttributeChange(changed: Self.time)
            mode.permissions = 0o1705
            let first = try fixture.writable.change(path(name), mode, known: before)
            #expect(first.posix.map { $0.mode & 0o7777 } == 0o1705, "\(name)")
            #expect(first.modified == before.modified && first.posix?.uid == before.posix?.uid, "\(name)")
            var times = AttributeChange(changed: Self.time)
            times.modified = Self.time
            let second = try fixture.writable.change(path(name), times, known: first)
            #expect(second.modified == Self.time && second.posix?.mode == first.posix?.mode, "\(name)")
            if geteuid() == 0 {
                var owner = AttributeChange(changed: Self.time)
                owner.gid = 1234
                let third = try fixture.writable.change(path(name), owner, known: second)
                #expect(third.posix?.gid == 1234 && third.posix?.uid == second.posix?.uid, "\(name)")
            }
            try fixture.writable.sync(path(name))
            let last = try fixture.look(path(name))
            #expect(last.modified == Self.time && last.posix.map { $0.mode & 0o7777 } == 0o1705, "\(name)")
            #expect(last.kind == before.kind && last.size == before.size, "\(name)")
        }
        #expect(try fixture.bytes(path("file")) == contents(100))
    }

    func checkTimes(_ fixture: some WritableFixture) throws {
        try fixture.create(path("file"), contents(10))
        _ = try fixture.writable.make(path("link"), fixture.entry(S_IFLNK | 0o777, target: "file"))
        for name in ["file", "link"] {
            for time: Int64 in [0, 1, -1, -1_500_000_001, Self.time, 4_000_000_000_999_999_999] {
                let known = try fixture.look(path(name))
                var change = AttributeChange(changed: Self.time)
                change.modified = time
                change.accessed = time
                let answer = try fixture.writable.change(path(name), change, known: known)
                #expect(answer.modified == time && answer.posix?.accessed == time, "\(name) \(time)")
                #expect(try fixture.look(path(name)).modified == time, "\(name) \(time)")
            }
        }
        #expect(try fixture.look(path("file")).modified != 0)
    }

    func checkRoot(_ fixture: some WritableFixture) throws {
        let known = try fixture.look(.root)
        var change = AttributeChange(changed: Self.time)
        change.permissions = 0o751
        change.modified = Self.time
        let answer = try fixture.writable.change(.root, change, known: known)
        #expect(answer.posix.map { $0.mode & 0o7777 } == 0o751)
        #expect(answer.kind == .directory)
        let name = Array("user.of the root".utf8)
        try fixture.writable.setExtendedAttribute(
            name,
            to: [1],
            .any,
            of: .root,
            known: answer,
            time: Self.time
        )
        let found = try fixture.writable.extendedAttributes(of: .root, known: answer)
        #expect(found.contains { $0.name == name && $0.value == [1] })
        try fixture.writable.sync(.root)
    }

    func checkExtendedAttributes(_ fixture: some WritableFixture) throws {
        try fixture.create(path("file"), contents(10))
        try fixture.makeDirectory(path("dir"))
        for name in ["file", "dir"] {
            let known = try fixture.look(path(name))
            #expect(try fixture.writable.extendedAttributes(of: path(name), known: known).isEmpty)
            let wanted: [(name: [UInt8], value: [UInt8])] = [
                (Array("user.empty".utf8), []), (Array("user.color".utf8), Array("blue".utf8)),
                (Array("user.".utf8) + [0xFF, 0x01], Array(0...255)),
                (
                    Array("user.".utf8) + [UInt8](repeating: 0x78, count: 250),
                    [UInt8](repeating: 7, count: 2000)
                ),
            ]
            for (attribute, value) in wanted {
                try fixture.writable.setExtendedAttribute(
                    attribute,
                    to: value,
                    .any,
                    of: path(name),
                    known: known,
                    time: Self.time
                )
            }
            let found = try fixture.writable.extendedAttributes(of: path(name), known: known)
            #expect(found.count == wanted.count)
            for (attribute, value) in wanted {
                #expect(found.contains { $0.name == attribute && $0.value == value }, "\(attribute)")
            }
        }
    }

    func checkPresence(_ fixture: some WritableFixture) throws {
        let known = try fixture.create(path("file"), contents(10))
        let name = Array("user.a".utf8)
        func set(_ value: [UInt8]?, _ presence: AttributePresence, _ name: [UInt8]) throws(StoreError) {
            try fixture.writable.setExtendedAttribute(
                name,
                to: value,
                presence,
                of: path("file"),
                known: known,
                time: Self.time
            )
        }
        #expect(throws: StoreError.notFound) { try set([1], .present, name) }
        #expect(throws: StoreError.notFound) { try set(nil, .any, name) }
        try set([1], .absent, name)
        #expect(throws: StoreError.exists) { try set([2], .absent, name) }
        try set([3], .present, name)
        try set([4], .any, name)
        #expect(try fixture.writable.extendedAttributes(of: path("file"), known: known).map(\.value) == [[4]])
        try set(nil, .any, name)
        #expect(try fixture.writable.extendedAttributes(of: path("file"), known: known).isEmpty)
        expectUnsupported { () throws(StoreError) in try set([1], .any, Array("other.a".utf8)) }
    }

    func checkSync(_ fixture: some WritableFixture) throws {
        try fixture.makeDirectory(path("dir"))
        try fixture.create(path("dir/file"), contents(10_000))
        _ = try fixture.writable.make(path("link"), fixture.entry(S_IFLNK | 0o777, target: "file"))
        _ = try fixture.writable.make(path("fifo"), fixture.entry(S_IFIFO | 0o600))
        for name in ["dir", "dir/file", "link", "fifo"] { try fixture.writable.sync(path(name)) }
        try fixture.writable.sync(directory)
        try fixture.writable.sync(.root)
        for _ in 0..<3 { fixture.writable.housekeep() }
        #expect(try fixture.bytes(path("dir/file")) == contents(10_000))
    }

    func checkThreads(_ fixture: some WritableFixture) throws {
        let failures = Mutex<[String]>([])
        concurrently(6) { thread in
            do {
                for number in 0..<20 {
                    let name = path("\(thread)-\(number)")
                    let made = try fixture.create(name, contents(100 + number, salt: UInt8(thread)))
                    var change = AttributeChange(changed: Self.time)
                    change.permissions = UInt32(0o600 + number)
                    let known = try fixture.writable.change(name, change, known: made)
                    guard number % 2 == 1 else { continue }
                    _ = try fixture.writable.rename(
                        name,
                        to: path("renamed \(thread)-\(number)"),
                        .replace,
                        known: (known, nil),
                        siblings: .some
                    )
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 }.isEmpty, "\(failures.withLock { $0.first ?? "" })")
        #expect(try fixture.list(directory).count == 120)
        for thread in 0..<6 {
            for number in 0..<20 {
                let name = number % 2 == 1 ? "renamed \(thread)-\(number)" : "\(thread)-\(number)"
                #expect(try fixture.look(path(name)).posix.map { $0.mode & 0o7777 } == UInt32(0o600 + number))
                #expect(try fixture.bytes(path(name)) == contents(100 + number, salt: UInt8(thread)))
            }
        }
    }
}
