import Pages
import Synchronization
import Testing

@Suite("A span")
struct SpanTests {
    @Test func `is cut at the end of the file`() {
        #expect(Span(offset: 0, count: 10).clamped(to: 4) == Span(offset: 0, count: 4))
        #expect(Span(offset: 4, count: 10).clamped(to: 4) == Span(offset: 4, count: 0))
        #expect(Span(offset: 3, count: 1).clamped(to: 4) == Span(offset: 3, count: 1))
        #expect(Span(offset: 0, count: 0).clamped(to: 4).isEmpty)
        #expect(Span(offset: 2, count: 5).clamped(to: -1).isEmpty)
    }

    @Test func `that starts past the end is empty, and lies at the end`() {
        let clamped = Span(offset: 9, count: 10).clamped(to: 4)
        #expect(clamped.isEmpty)
        #expect(clamped.offset == 4)
    }

    @Test func `is widened to whole blocks, but not past the end of the file`() {
        #expect(Span(offset: 5, count: 1).aligned(to: 4, size: 100) == Span(offset: 4, count: 4))
        #expect(Span(offset: 4, count: 4).aligned(to: 4, size: 100) == Span(offset: 4, count: 4))
        #expect(Span(offset: 3, count: 2).aligned(to: 4, size: 100) == Span(offset: 0, count: 8))
        #expect(Span(offset: 5, count: 1).aligned(to: 4, size: 6) == Span(offset: 4, count: 2))
        #expect(Span(offset: 5, count: 0).aligned(to: 4, size: 6) == Span(offset: 5, count: 0))
    }

    @Test func `contains what lies between its ends`() {
        let span = Span(offset: 4, count: 4)
        #expect(span.contains(span))
        #expect(span.contains(Span(offset: 8, count: 0)))
        #expect(!span.contains(Span(offset: 7, count: 2)))
        #expect(!span.contains(Span(offset: 3, count: 1)))
    }

    @Test func `between two ends has the bytes between them`() {
        #expect(Span(from: 3, to: 3).isEmpty)
        #expect(Span(from: 3, to: 10) == Span(offset: 3, count: 7))
        #expect(Span(from: 3, to: 10).end == 10)
    }

    @Test func `aligned anywhere contains what it was made from, and whole blocks`() {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var state = seed
        func below(_ bound: Int64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(state >> 33) % bound
        }
        for _ in 0..<10_000 {
            let size = below(10_000) + 1
            let block = Int(below(300)) + 1
            let span = Span(offset: below(size), count: Int(below(500))).clamped(to: size)
            let aligned = span.aligned(to: block, size: size)
            #expect(aligned.contains(span), "seed \(seed)")
            #expect(span.isEmpty || aligned.offset % Int64(block) == 0, "seed \(seed)")
            #expect(span.isEmpty || aligned.end % Int64(block) == 0 || aligned.end == size, "seed \(seed)")
            #expect(span.isEmpty || aligned.count < span.count + 2 * block, "seed \(seed)")
        }
    }

    @Test func `has no negative offset`() async {
        await #expect(processExitsWith: .failure) { _ = Span(offset: -1, count: 1) }
    }

    @Test func `has no negative length`() async {
        await #expect(processExitsWith: .failure) { _ = Span(from: 5, to: 4) }
    }
}

@Suite("Pinned bytes")
struct PinnedBytesTests {
    private final class CountingPin: Pin {
        static let released = Atomic<Int>(0)
        deinit { Self.released.wrappingAdd(1, ordering: .relaxed) }
    }

    @Test func `count the bytes of all their pieces`() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 5, alignment: 1)
        defer { memory.deallocate() }
        let bytes = PinnedBytes(
            pieces: [.memory(UnsafeRawBufferPointer(memory)), .file(descriptor: 0, offset: 9, count: 7)],
            pin: nil
        )
        #expect(bytes.count == 12)
        #expect(PinnedBytes.empty.count == 0)
    }

    @Test func `hold their pin while they are used, and let it go once`() {
        do {
            let bytes = PinnedBytes(pieces: [], pin: CountingPin())
            bytes.withPieces { _ in #expect(CountingPin.released.load(ordering: .relaxed) == 0) }
        }
        #expect(CountingPin.released.load(ordering: .relaxed) == 1)
    }

    @Test func `pass on what their user throws`() {
        #expect(throws: StoreError.cancelled) {
            try PinnedBytes.empty.withPieces { _ throws(StoreError) in throw .cancelled }
        }
    }
}

@Suite("Identities")
struct IdentityTests {
    @Test func `an address keeps bytes that are not UTF-8, and shows them`() {
        let uri = UFSURI(bytes: Array("s3://b/".utf8) + [0xFF])
        #expect(uri.bytes.last == 0xFF)
        #expect(uri.description == "s3://b/\u{FFFD}")
        #expect(UFSURI("s3://b/k") == UFSURI(bytes: Array("s3://b/k".utf8)))
    }

    @Test func `versions differ by address, etag and size`() {
        let version = FileVersion(uri: UFSURI("s3://b/k"), etag: ETag("1"), size: 3)
        #expect(version == FileVersion(uri: UFSURI("s3://b/k"), etag: ETag("1"), size: 3))
        #expect(version != FileVersion(uri: UFSURI("s3://b/k"), etag: ETag("2"), size: 3))
        #expect(version != FileVersion(uri: UFSURI("s3://b/l"), etag: ETag("1"), size: 3))
        #expect(version != FileVersion(uri: UFSURI("s3://b/k"), etag: ETag("1"), size: 4))
    }

    @Test func `a file has no negative length`() async {
        await #expect(processExitsWith: .failure) {
            _ = FileVersion(uri: UFSURI("s3://b/k"), etag: ETag("1"), size: -1)
        }
    }
}
