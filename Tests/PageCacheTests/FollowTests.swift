import Glibc
import Pages
import SeededRandom
import Synchronization
import Testing

@testable import PageCache

/// What is cached of a version stays when it is renamed.
@Suite struct FollowTests {
    private static let size: Int64 = 1_000_003

    private static func version(_ number: Int, size: Int64 = size) -> FileVersion {
        RenamingSource.version("a", number, size: size)
    }

    /// A cache over a source whose files are renamed.
    private struct Setting {
        let cache: PageCache
        let source = RenamingSource()
        let directory = TemporaryDirectory()

        init(_ kind: Fixture.Kind, bytesMaximum: Int64 = 64 << 20) throws {
            let storage: PageCacheOptions.Storage =
                kind == .memory
                ? .memory(bytesMaximum: bytesMaximum)
                : .directory(path: directory.path, bytesMaximum: bytesMaximum)
            let options = PageCacheOptions(storage: storage)
            cache = try PageCache(options: options, next: source, logger: .quiet)
        }

        /// Renames as a mount does: the store first.
        func rename(_ old: FileVersion, _ new: FileVersion) {
            source.put(new)
            source.remove(old)
            cache.follow(from: old, to: new)
        }

        /// Whether a span is in the cache, and right.
        func holds(_ span: Span, of file: any PageFile) -> Bool {
            file.resident(span)?.copied() == RenamingSource.truth(file.version).bytes(span)
        }
    }

    private static let part = Span(offset: 0, count: 300_000)
    private static let other = Span(offset: 600_000, count: 200_000)

    @Test(arguments: Fixture.Kind.allCases, [true, false])
    func `what is cached answers for the new name, and nothing is fetched again`(
        _ kind: Fixture.Kind,
        isRecorded: Bool
    ) throws {
        let setting = try Setting(kind)
        do {
            let file = setting.cache.open(Self.version(1))
            try file.load(Self.part)
            try file.load(Self.other)
        }
        let used = setting.cache.usage.usedBytes
        let cached = setting.cache.cachedBytes(of: Self.version(1))
        if isRecorded { setting.cache.housekeep() }
        setting.rename(Self.version(1), Self.version(2))
        #expect(setting.cache.cachedBytes(of: Self.version(1)) == 0)
        #expect(setting.cache.cachedBytes(of: Self.version(2)) == cached)
        #expect(setting.cache.usage.usedBytes == used)
        let file = setting.cache.open(Self.version(2))
        #expect(setting.holds(Self.part, of: file) && setting.holds(Self.other, of: file))
        #expect(setting.source.spans.count == 2)
        let whole = Span(offset: 0, count: Int(Self.size))
        _ = try file.read(whole, asking: whole)
        #expect(setting.holds(whole, of: file))
        for span in setting.source.spans.dropFirst(2) { #expect(span.count < 400_000) }
        setting.cache.housekeep()
        #expect(setting.holds(whole, of: file))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a file that is open under the old name reads on, and fetches under the new one`(
        _ kind: Fixture.Kind
    ) throws {
        let setting = try Setting(kind)
        let file = setting.cache.open(Self.version(1))
        try file.load(Self.part)
        let pinned = try #require(file.resident(Self.part))
        for number in 1...3 { setting.rename(Self.version(number), Self.version(number + 1)) }
        #expect(pinned.copied() == RenamingSource.truth(file.version).bytes(Self.part))
        #expect(setting.holds(Self.part, of: file))
        _ = try file.read(Self.other, asking: Self.other)
        #expect(setting.holds(Self.other, of: file))
        let last = setting.cache.open(Self.version(4))
        #expect(setting.holds(Self.part, of: last) && setting.holds(Self.other, of: last))
        for _ in 0..<3 { setting.cache.housekeep() }
        #expect(setting.holds(Self.part, of: file) && setting.holds(Self.part, of: last))
        #expect(setting.source.spans.count == 2)
    }

    @Test(arguments: Fixture.Kind.allCases, [true, false])
    func `a name that comes back has its bytes`(_ kind: Fixture.Kind, isOpen: Bool) throws {
        let setting = try Setting(kind)
        var first: (any PageFile)? = setting.cache.open(Self.version(1))
        try first?.load(Self.part)
        if !isOpen { first = nil }
        for _ in 0..<3 {
            setting.rename(Self.version(1), Self.version(2))
            setting.cache.housekeep()
            #expect(setting.holds(Self.part, of: setting.cache.open(Self.version(2))))
            setting.rename(Self.version(2), Self.version(1))
            setting.cache.housekeep()
            #expect(setting.holds(Self.part, of: setting.cache.open(Self.version(1))))
        }
        let file = setting.cache.open(Self.version(1))
        _ = try file.read(Self.other, asking: Self.other)
        #expect(setting.holds(Self.other, of: file))
        #expect(setting.source.spans.count == 2)
        withExtendedLifetime(first) {}
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a new name that is open already keeps its bytes and gets those that it lacks`(
        _ kind: Fixture.Kind
    ) throws {
        let setting = try Setting(kind)
        let old = setting.cache.open(Self.version(1))
        try old.load(Self.part)
        let new = setting.cache.open(Self.version(2))
        try new.load(Self.other)
        setting.rename(Self.version(1), Self.version(2))
        #expect(setting.holds(Self.part, of: new) && setting.holds(Self.other, of: new))
        #expect(setting.holds(Self.part, of: old))
        _ = try old.read(Self.other, asking: Self.other)
        #expect(setting.holds(Self.other, of: old))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `nothing follows a version of another size, of no bytes, or that nobody knows`(
        _ kind: Fixture.Kind
    ) throws {
        let setting = try Setting(kind)
        try setting.cache.open(Self.version(1)).load(Self.part)
        setting.cache.follow(from: Self.version(1), to: Self.version(2, size: Self.size + 1))
        setting.cache.follow(from: Self.version(1), to: Self.version(1))
        setting.cache.follow(from: Self.version(8), to: Self.version(9))
        setting.cache.follow(from: Self.version(1, size: 0), to: Self.version(2, size: 0))
        #expect(setting.cache.cachedBytes(of: Self.version(1)) == 303_104)
        #expect(setting.cache.cachedBytes(of: Self.version(2, size: Self.size + 1)) == 0)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `what has followed can be evicted`(_ kind: Fixture.Kind) throws {
        let setting = try Setting(kind, bytesMaximum: 4 << 20)
        try setting.cache.open(Self.version(1)).load(Self.part)
        setting.rename(Self.version(1), Self.version(2))
        #expect(setting.holds(Self.part, of: setting.cache.open(Self.version(2))))
        for number in 0..<12 {
            let version = RenamingSource.version("b", number, size: 700_000)
            let whole = Span(offset: 0, count: 700_000)
            let file = setting.cache.open(version)
            _ = try file.read(whole, asking: whole)
            _ = try file.read(whole, asking: whole)
            usleep(5000)
            setting.cache.housekeep()
        }
        #expect(setting.cache.cachedBytes(of: Self.version(2)) == 0)
        #expect(setting.cache.usage.usedBytes <= 4 << 20)
        #expect(setting.cache.usage.usedBytes > 0)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `readers of all names get their bytes while it is renamed`(_ kind: Fixture.Kind) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        let setting = try Setting(kind, bytesMaximum: 8 << 20)
        let current = Atomic(0)
        let isDone = Atomic(false)
        let wrong = Mutex<[String]>([])
        onThreads(4) { thread in
            var random = SeededGenerator(seed: seed &+ UInt64(thread))
            if thread == 0 {
                for number in 0..<150 {
                    // The old name goes later: a reader who has just looked it up is told by the store.
                    setting.cache.follow(from: Self.version(number), to: Self.version(number + 1))
                    current.store(number + 1, ordering: .releasing)
                    if number % 7 == 0 { setting.cache.housekeep() }
                    usleep(1000)
                }
                isDone.store(true, ordering: .releasing)
            }
            while !isDone.load(ordering: .acquiring) {
                let file = setting.cache.open(Self.version(current.load(ordering: .acquiring)))
                for _ in 0..<5 {
                    let span = Span(
                        offset: .random(in: 0..<Self.size, using: &random),
                        count: .random(in: 1...60_000, using: &random)
                    ).clamped(to: Self.size)
                    let bytes = try? file.read(span, asking: span).copied()
                    if bytes != RenamingSource.truth(file.version).bytes(span) {
                        wrong.withLock { $0.append("\(file.version.uri) \(span)") }
                    }
                }
            }
        }
        #expect(wrong.withLock { $0 }.isEmpty, "\(wrong.withLock { $0.first ?? "" }), seed \(seed)")
        setting.cache.housekeep()
        let fetched = setting.source.spans.reduce(0) { $0 + $1.count }
        #expect(fetched < 20 * Int(Self.size), "fetched \(fetched)")
    }
}
