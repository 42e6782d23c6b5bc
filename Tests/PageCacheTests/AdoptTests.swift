import Glibc
import Pages
import Testing

@testable import PageCache

/// Bytes that a mount has committed are in its cache.
@Suite struct AdoptTests {
    /// An open file with the bytes of a version, up to a length.
    private final class Staged: Sendable {
        let descriptor: Int32

        init(_ version: FileVersion, count: Int64? = nil) {
            var template = Array("/tmp/page-cache-staged-XXXXXX".utf8CString)
            descriptor = mkstemp(&template)
            unlink(template)
            let bytes = Truth(version).bytes(Span(from: 0, to: count ?? version.size))
            precondition(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, "no room for a test")
        }

        deinit { close(descriptor) }
    }

    private static func whole(_ version: FileVersion) -> Span { Span(from: 0, to: version.size) }

    @Test(arguments: Fixture.Kind.allCases, [1, 4096, 4097, 300_000, 9_000_001] as [Int64])
    func `what was committed is read without a request`(_ kind: Fixture.Kind, size: Int64) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: size)
        let staged = Staged(version)
        fixture.cache.adopt(version, from: staged.descriptor, spans: [Self.whole(version)])
        #expect(fixture.cache.cachedBytes(of: version) == size)
        let file = fixture.cache.open(version)
        let bytes = try #require(file.resident(Self.whole(version)))
        let isRight = bytes.copied() == Truth(version).bytes(Self.whole(version))
        #expect(isRight)
        #expect(fixture.source.spans.isEmpty)
    }

    /// A file that was just written is read, or renamed and read, before the copy is done.
    @Test(arguments: Fixture.Kind.allCases)
    func `who reads what is being taken in waits for it`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind, bytesMaximum: 256 << 20)
        let version = FileVersion.test("a", size: 48 << 20)
        let staged = Staged(version)
        let last = Span(from: version.size - 4096, to: version.size)
        onThreads(2) { index in
            if index == 0 {
                return fixture.cache.adopt(version, from: staged.descriptor, spans: [Self.whole(version)])
            }
            while fixture.cache.cachedBytes(of: version) == 0 { sched_yield() }
            let bytes = try? fixture.cache.open(version).read(last, asking: last).copied()
            #expect(bytes == Truth(version).bytes(last))
        }
        #expect(fixture.source.spans.isEmpty)
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `granules that a span has in part are left out`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 100_000)
        let staged = Staged(version)
        fixture.cache.adopt(
            version,
            from: staged.descriptor,
            spans: [
                Span(from: 100, to: 20_000), Span(from: 24_577, to: 28_672), Span(from: 90_000, to: 100_000),
            ]
        )
        // Granules 1 to 3, and 22 to the short 24th.
        #expect(fixture.cache.cachedBytes(of: version) == 3 * 4096 + 100_000 - 22 * 4096)
        let file = fixture.cache.open(version)
        let whole = Self.whole(version)
        #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a version that would push out what others read is left alone`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind, bytesMaximum: 8 << 20)
        let limit: Int64 = kind == .memory ? 2 << 20 : 4 << 20
        for (size, isTaken) in [(limit, true), (limit + 1, false)] {
            let version = FileVersion.test("s\(size)", size: size)
            let staged = Staged(version)
            fixture.cache.adopt(version, from: staged.descriptor, spans: [Self.whole(version)])
            #expect((fixture.cache.cachedBytes(of: version) == size) == isTaken)
            #expect((fixture.cache.cachedBytes(of: version) == 0) != isTaken)
        }
    }

    @Test(arguments: Fixture.Kind.allCases)
    func `a file that ends early gives what it has, and an empty one nothing`(_ kind: Fixture.Kind) throws {
        let fixture = try Fixture(kind)
        let version = FileVersion.test("a", size: 1_000_000)
        let staged = Staged(version, count: 600_000)
        fixture.cache.adopt(version, from: staged.descriptor, spans: [Self.whole(version)])
        let cached = fixture.cache.cachedBytes(of: version)
        #expect(cached > 0 && cached <= 600_000)
        let file = fixture.cache.open(version)
        let whole = Self.whole(version)
        #expect(try file.read(whole, asking: whole).copied() == Truth(version).bytes(whole))
        fixture.cache.adopt(.test("empty", size: 0), from: staged.descriptor, spans: [])
        fixture.cache.adopt(.test("none", size: 10), from: -1, spans: [Span(offset: 0, count: 10)])
        #expect(fixture.cache.cachedBytes(of: .test("none", size: 10)) == 0)
    }

    @Test func `adopted bytes outlive the process and the boot`() throws {
        let directory = TemporaryDirectory()
        let source = ScriptedSource()
        let version = FileVersion.test("a", size: 3_000_000)
        do {
            let cache = try DiskCacheTests.cache(directory.path, source)
            let staged = Staged(version)
            cache.adopt(version, from: staged.descriptor, spans: [Self.whole(version)])
        }
        let cache = try DiskCacheTests.cache(directory.path, source, boot: DiskCacheTests.otherBoot)
        let file = cache.open(version)
        let isRight =
            file.resident(Self.whole(version))?.copied() == Truth(version).bytes(Self.whole(version))
        #expect(isRight)
        #expect(source.spans.isEmpty)
    }
}
