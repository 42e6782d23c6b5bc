import Glibc
import Pages
import Testing

@testable import PageCache

/// What the memory store promises beyond ``PageCacheTests``.
@Suite struct MemoryCacheTests {
    private func granulesPresent(_ file: any PageFile, _ size: Int64) -> Int {
        stride(from: Int64(0), to: size, by: 4096).count { file.isCovered(Span(offset: $0, count: 4096)) }
    }

    @Test func `a stream does not flush what is read again and again`() throws {
        let fixture = try Fixture(.memory, bytesMaximum: 8 << 20)
        let hot = fixture.cache.open(.test("hot", size: 2 << 20))
        let whole = Span(offset: 0, count: 2 << 20)
        for _ in 0..<3 { _ = try hot.read(whole, asking: whole) }
        let stream = fixture.cache.open(.test("stream", size: 64 << 20))
        for offset in stride(from: Int64(0), to: 64 << 20, by: 131_072) {
            let part = Span(offset: offset, count: 131_072)
            _ = try stream.read(part, asking: part)
        }
        #expect(hot.resident(whole) != nil)
    }

    @Test func `what was brought ahead outlives what was read already`() throws {
        let fixture = try Fixture(.memory, bytesMaximum: 8 << 20)
        let stream = fixture.cache.open(.test("stream", size: 64 << 20))
        let ahead = Span(offset: 32 << 20, count: 4 << 20)
        try stream.load(ahead)
        for offset in stride(from: Int64(0), to: 32 << 20, by: 131_072) {
            let part = Span(offset: offset, count: 131_072)
            _ = try stream.read(part, asking: part)
        }
        #expect(stream.resident(ahead) != nil)
    }

    @Test func `idle memory goes back to the kernel`() throws {
        func residentBytes() -> Int {
            let descriptor = open("/proc/self/statm", O_RDONLY)
            defer { close(descriptor) }
            var text = [UInt8](repeating: 0, count: 128)
            let count = read(descriptor, &text, text.count)
            let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
            return (Int(words[1]) ?? 0) * 4096
        }
        let fixture = try Fixture(.memory, bytesMaximum: 256 << 20) {
            $0.idleBeforeTrim = .milliseconds(20)
            $0.idleBeforeDrop = .milliseconds(20)
        }
        do {
            let file = fixture.cache.open(.test("a", size: 200 << 20))
            try file.load(Span(offset: 0, count: 200 << 20))
        }
        let full = residentBytes()
        #expect(fixture.cache.usage.usedBytes == 200 << 20)
        usleep(60_000)
        fixture.cache.housekeep()
        #expect(fixture.cache.usage.usedBytes == 0)
        // Other tests run at the same time and need memory as well.
        #expect(residentBytes() < full - (100 << 20))
        let file = fixture.cache.open(.test("a", size: 200 << 20))
        let part = Span(offset: 1 << 20, count: 100_000)
        #expect(try file.read(part, asking: part).copied() == Truth(file.version).bytes(part))
    }

    @Test func `odd-sized sequential reads count as one reading`() throws {
        let fixture = try Fixture(.memory, bytesMaximum: 4 << 20)
        let hot = fixture.cache.open(.test("hot", size: 1 << 20))
        let whole = Span(offset: 0, count: 1 << 20)
        for _ in 0..<2 { _ = try hot.read(whole, asking: whole) }
        let stream = fixture.cache.open(.test("stream", size: 32 << 20))
        var offset: Int64 = 0
        while offset < 32 << 20 {
            let part = Span(offset: offset, count: 10_007).clamped(to: 32 << 20)
            _ = try stream.read(part, asking: part.aligned(to: 131_072, size: 32 << 20))
            offset = part.end
        }
        #expect(hot.resident(whole) != nil)
    }
}
