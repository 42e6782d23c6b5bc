import Glibc
import Logging
import Pages
import SeededRandom
import Synchronization
import Testing

@testable import PageCache

/// A cache over a scripted source, in memory or in a temporary directory.
struct Fixture {
    enum Kind: String, CaseIterable, Sendable {
        case memory, disk
    }

    let cache: PageCache
    let source: ScriptedSource
    let directory = TemporaryDirectory()

    init(
        _ kind: Kind,
        bytesMaximum: Int64 = 64 << 20,
        _ source: ScriptedSource = ScriptedSource(),
        _ change: (inout PageCacheOptions) -> Void = { _ in }
    ) throws {
        var options = PageCacheOptions(
            storage: kind == .memory
                ? .memory(bytesMaximum: bytesMaximum)
                : .directory(path: directory.path, bytesMaximum: bytesMaximum)
        )
        change(&options)
        self.source = source
        cache = try PageCache(options: options, next: source, logger: .quiet)
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// What both kinds of store promise.
@Suite struct PageCacheTests {
    @Test(arguments: Fixture.Kind.allCases)
    func `a read gives the bytes and the second one asks nobody`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 1_000_003)
        let file = fixture.cache.open(version)
        let span = Span(offset: 12_345, count: 300_000)
        #expect(file.resident(span) == nil)
        #expect(try file.read(span, asking: span).copied() == Truth(version).bytes(span))
        #expect(fixture.source.spans == [Span(from: 12_288, to: 315_392)])
        #expect(file.resident(span)?.copied() == Truth(version).bytes(span))
        #expect(try file.read(span, asking: span).copied() == Truth(version).bytes(span))
        #expect(fixture.source.spans.count == 1)
        #expect(fixture.cache.cachedBytes(of: version) == 303_104)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `the last granule is as short as the file`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        for size: Int64 in [1, 4095, 4096, 4097, 32_769, 262_145, 1_048_577] {
            let version = FileVersion.test("s\(size)", size: size)
            let file = fixture.cache.open(version)
            let whole = Span(offset: 0, count: Int(size))
            #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
            let last = Span(offset: size - 1, count: 1)
            #expect(file.resident(last)?.copied() == Truth(version).bytes(last))
            #expect(fixture.cache.cachedBytes(of: version) == size)
        }
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `an empty file and an empty span need nothing`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let file = fixture.cache.open(.test("empty", size: 0))
        let nothing = Span(offset: 0, count: 0)
        #expect(try file.read(nothing, asking: nothing).count == 0)
        #expect(file.resident(nothing)?.count == 0)
        #expect(file.isCovered(nothing))
        try file.load(nothing)
        #expect(fixture.source.spans.isEmpty)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a version is one object while it is open, and other versions are others`(_ kind: Fixture.Kind)
        throws
    {
        let fixture = try Fixture(kind)
        let first = fixture.cache.open(.test("a", size: 10))
        #expect(first === fixture.cache.open(.test("a", size: 10)))
        #expect(first !== fixture.cache.open(.test("a", size: 10, etag: "two")))
        #expect(first !== fixture.cache.open(.test("a", size: 11)))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `bytes stay when the file is closed and opened again`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 100_000)
        let whole = Span(offset: 0, count: 100_000)
        do {
            let file = fixture.cache.open(version)
            try file.load(whole)
        }
        fixture.cache.housekeep()
        let file = fixture.cache.open(version)
        #expect(file.resident(whole)?.copied() == Truth(version).bytes(whole))
        #expect(fixture.source.spans.count == 1)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `ask is fetched whole only if something of the span is missing`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 1 << 20)
        let file = fixture.cache.open(version)
        let small = Span(offset: 40_960, count: 4096)
        _ = try file.read(small, asking: Span(offset: 32_768, count: 32_768))
        #expect(fixture.source.spans == [Span(offset: 32_768, count: 32_768)])
        _ = try file.read(small, asking: Span(offset: 0, count: 1 << 20))
        #expect(fixture.source.spans.count == 1)
        #expect(file.isCovered(Span(offset: 32_768, count: 32_768)))
        #expect(!file.isCovered(Span(offset: 32_768, count: 32_769)))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `small gaps are bridged with one request and wide ones are not`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 1 << 20)
        let file = fixture.cache.open(version)
        try file.load(Span(offset: 8192, count: 32_768))
        try file.load(Span(offset: 131_072, count: 131_072))
        try file.load(Span(offset: 0, count: 1 << 20))
        #expect(
            fixture.source.spans.dropFirst(2) == [
                Span(from: 0, to: 131_072), Span(from: 262_144, to: 1 << 20),
            ]
        )
        let whole = Span(offset: 0, count: 1 << 20)
        #expect(file.resident(whole)?.copied() == Truth(version).bytes(whole))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a transfer that breaks keeps what arrived, and the next read fetches the rest`(
        _ kind: Fixture.Kind
    ) throws {
        let source = ScriptedSource { _, number in
            number == 0 ? .init(bytesMaximum: 300_000, failure: .unavailable("reset")) : .init()
        }
        let fixture = try Fixture(kind, source)
        let version = FileVersion.test("a", size: 1 << 20)
        let file = fixture.cache.open(version)
        let whole = Span(offset: 0, count: 1 << 20)
        #expect(throws: StoreError.unavailable("reset")) { try file.read(whole, asking: whole) }
        #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
        #expect(source.spans[1] == Span(from: 299_008, to: 1 << 20))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a source that gives too little or too much is an error, never data`(_ kind: Fixture.Kind) throws {
        let source = ScriptedSource { _, number in
            number == 0 ? .init(bytesMaximum: 5000) : number == 1 ? .init(excess: 1) : .init()
        }
        let fixture = try Fixture(kind, source)
        let version = FileVersion.test("a", size: 10_000)
        let file = fixture.cache.open(version)
        let whole = Span(offset: 0, count: 10_000)
        for _ in 0..<2 {
            let error = #expect(throws: StoreError.self) { try file.read(whole, asking: whole) }
            guard case .corrupt = error else {
                Issue.record("not corrupt: \(String(describing: error))")
                return
            }
        }
        #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `readers of one span share one flight, and see its bytes before it ends`(_ kind: Fixture.Kind) throws
    {
        let early = Atomic(0)
        let readers = Atomic(0)
        let source = ScriptedSource { _, _ in
            .init(before: { done in
                // The transfer goes on only when a reader has got bytes of it.
                guard done == 1 << 20 else { return }
                for _ in 0..<5000 where early.load(ordering: .acquiring) == 0 { usleep(1000) }
            })
        }
        let fixture = try Fixture(kind, source)
        let version = FileVersion.test("a", size: 4 << 20)
        let file = fixture.cache.open(version)
        let first = Span(offset: 0, count: 131_072)
        let whole = Span(offset: 0, count: 4 << 20)
        onThreads(9) { index in
            if index == 0 {
                try? file.load(whole)
                return
            }
            for _ in 0..<5000 where source.spans.isEmpty { usleep(1000) }
            guard let bytes = try? file.read(first, asking: whole).copied() else { return }
            early.add(1, ordering: .releasing)
            if bytes == Truth(version).bytes(first) { readers.add(1, ordering: .relaxed) }
        }
        #expect(readers.load(ordering: .relaxed) == 8)
        #expect(source.spans.count == 1)
        #expect(source.overlaps == 0)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `who waited for a transfer that failed asks for himself`(_ kind: Fixture.Kind) throws {
        let source = ScriptedSource { _, number in
            number == 0
                ? .init(bytesMaximum: 0, failure: .unavailable("first"), before: { _ in usleep(100_000) })
                : .init()
        }
        let fixture = try Fixture(kind, source)
        let version = FileVersion.test("a", size: 100_000)
        let file = fixture.cache.open(version)
        let whole = Span(offset: 0, count: 100_000)
        let outcomes = Mutex<[String]>([])
        onThreads(4) { index in
            if index > 0 { for _ in 0..<5000 where source.spans.isEmpty { usleep(1000) } }
            let outcome: String
            do throws(StoreError) {
                let bytes = try file.read(whole, asking: whole)
                outcome = bytes.copied() == Truth(version).bytes(whole) ? "bytes" : "wrong"
            } catch {
                outcome = "\(error)"
            }
            outcomes.withLock { $0.append(outcome) }
        }
        #expect(outcomes.withLock { $0.sorted() } == ["bytes", "bytes", "bytes", "unavailable(\"first\")"])
        #expect(source.spans.count == 2)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a stale version is stale for those who wait as well`(_ kind: Fixture.Kind) throws {
        let source = ScriptedSource { _, _ in
            .init(bytesMaximum: 0, failure: .stale, before: { _ in usleep(200_000) })
        }
        let fixture = try Fixture(kind, source)
        let file = fixture.cache.open(.test("a", size: 100_000))
        let whole = Span(offset: 0, count: 100_000)
        let stale = Atomic(0)
        onThreads(4) { index in
            if index > 0 { for _ in 0..<5000 where source.spans.isEmpty { usleep(1000) } }
            do throws(StoreError) { _ = try file.read(whole, asking: whole) } catch {
                if error == .stale { stale.add(1, ordering: .relaxed) }
            }
        }
        #expect(stale.load(ordering: .relaxed) == 4)
        #expect(source.spans.count == 1)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a wait for another reader has a deadline`(_ kind: Fixture.Kind) throws {
        let isOver = Atomic(false)
        let source = ScriptedSource { _, _ in
            .init(before: { _ in
                for _ in 0..<10_000 where !isOver.load(ordering: .acquiring) { usleep(1000) }
            })
        }
        let fixture = try Fixture(kind, source) { $0.flightWaitMaximum = .milliseconds(50) }
        let file = fixture.cache.open(.test("a", size: 100_000))
        let whole = Span(offset: 0, count: 100_000)
        let outcome = Mutex<StoreError?>(nil)
        onThreads(2) { index in
            if index == 0 {
                try? file.load(whole)
                return
            }
            for _ in 0..<5000 where source.spans.isEmpty { usleep(1000) }
            #expect(file.isCovered(whole))
            // Another reader's transfer is not ours to repeat.
            try? file.load(whole)
            do throws(StoreError) { _ = try file.read(whole, asking: whole) } catch {
                outcome.withLock { $0 = error }
            }
            isOver.store(true, ordering: .releasing)
        }
        guard case .unavailable(let text)? = outcome.withLock({ $0 }) else {
            Issue.record("no deadline")
            return
        }
        #expect(text.contains("s3://bucket/a"))
        #expect(source.spans.count == 1)
    }

    @Test(arguments: Fixture.Kind.allCases, [UInt64.random(in: 0...UInt64.max)])
    func `thirty-two readers of random spans always see the truth, while eviction makes room`(
        _ kind: Fixture.Kind,
        seed: UInt64
    ) throws {
        print("seed \(seed)")
        let source = ScriptedSource { _, number in
            number % 17 == 3 ? .init(bytesMaximum: 10_000, failure: .unavailable("now and then")) : .init()
        }
        let fixture = try Fixture(kind, bytesMaximum: 8 << 20, source)
        let versions = (0..<3).map { FileVersion.test("f\($0)", size: Int64(12_000_017 + $0 * 1_000_000)) }
        let files = versions.map(fixture.cache.open)
        let wrong = Atomic(0)
        let served = Atomic(0)
        onThreads(33) { index in
            var random = SeededGenerator(seed: seed &+ UInt64(index))
            if index == 32 {
                for _ in 0..<20 {
                    fixture.cache.housekeep()
                    usleep(20_000)
                }
                return
            }
            for _ in 0..<60 {
                let which = Int.random(in: 0..<3, using: &random)
                let size = versions[which].size
                let span = Span(
                    offset: .random(in: 0..<size, using: &random),
                    count: .random(in: 1...400_000, using: &random)
                ).clamped(to: size)
                let ask = Bool.random(using: &random) ? span : span.aligned(to: 1 << 19, size: size)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    try? files[which].load(ask)
                    continue
                }
                guard let bytes = try? files[which].read(span, asking: ask) else { continue }
                served.add(1, ordering: .relaxed)
                if bytes.copied() != Truth(versions[which]).bytes(span) { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(served.load(ordering: .relaxed) > 500)
        #expect(fixture.cache.usage.usedBytes <= 8 << 20)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `pinned bytes stay as they are while everything else is evicted`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind, bytesMaximum: 4 << 20)
        let version = FileVersion.test("pinned", size: 1 << 20)
        let span = Span(offset: 4096, count: 500_000)
        let file = fixture.cache.open(version)
        let pinned = try file.read(span, asking: span)
        let other = FileVersion.test("other", size: 64 << 20)
        let stream = fixture.cache.open(other)
        for offset in stride(from: Int64(0), to: 64 << 20, by: 131_072) {
            let part = Span(offset: offset, count: 131_072)
            #expect(try stream.read(part, asking: part).copied() == Truth(other).bytes(part))
        }
        fixture.cache.housekeep()
        #expect(pinned.copied() == Truth(version).bytes(span))
        #expect(fixture.cache.usage.usedBytes <= 4 << 20)
        #expect(fixture.source.bytes == 64 << 20 + 503_808)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `when every byte of the cache is pinned, reads go past it`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind, bytesMaximum: 1 << 20)
        let version = FileVersion.test("pinned", size: 16 << 20)
        let file = fixture.cache.open(version)
        var pins: [PinnedBytes] = []
        for offset in stride(from: Int64(0), to: 4 << 20, by: 65_536) {
            let part = Span(offset: offset, count: 65_536)
            let bytes = try file.read(part, asking: part)
            #expect(bytes.copied() == Truth(version).bytes(part))
            pins.append(bytes)
        }
        for (index, bytes) in pins.enumerated() {
            #expect(
                bytes.copied() == Truth(version).bytes(Span(offset: Int64(index) * 65_536, count: 65_536))
            )
        }
        #expect(fixture.cache.usage.usedBytes <= 1 << 20)
    }

    @Test func `uncached reads wait for memory, and say so when none comes free`() throws {
        let fixture = try Fixture(.memory, bytesMaximum: 1 << 20) {
            $0.uncachedBytesMaximum = 1 << 20
            $0.flightWaitMaximum = .milliseconds(100)
        }
        let file = fixture.cache.open(.test("a", size: 16 << 20))
        var pins: [PinnedBytes] = []
        #expect(throws: StoreError.self) {
            for offset in stride(from: Int64(0), to: 4 << 20, by: 65_536) {
                let part = Span(offset: offset, count: 65_536)
                pins.append(try file.read(part, asking: part))
            }
        }
        #expect(pins.count >= 16 + 15)
        pins = []
        let part = Span(offset: 8 << 20, count: 65_536)
        #expect(try file.read(part, asking: part).count == 65_536)
    }
}
