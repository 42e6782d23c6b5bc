import Glibc
import Pages
import Synchronization
import Threading

@testable import PageCache

/// The bytes that a version has by definition: a function of its identity and the place.
struct Truth: Sendable {
    let version: FileVersion
    private let seed: UInt64

    init(_ version: FileVersion) {
        self.version = version
        seed = (version.uri.bytes + Array(version.etag.text.utf8)).reduce(14_695_981_039_346_656_037) {
            ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
    }

    private func word(_ index: Int64) -> UInt64 {
        var mixed = (UInt64(bitPattern: index) &+ seed) &* 0x9e37_79b9_7f4a_7c15
        mixed ^= mixed >> 29
        return mixed &* 0xbf58_476d_1ce4_e5b9
    }

    /// Fills a buffer with the bytes from `offset` on.
    func fill(_ bytes: UnsafeMutableRawBufferPointer, from offset: Int64) {
        var index = 0
        while index < bytes.count {
            let position = offset + Int64(index)
            let value = word(position / 8)
            if position % 8 == 0, index + 8 <= bytes.count {
                bytes.storeBytes(of: value, toByteOffset: index, as: UInt64.self)
                index += 8
            } else {
                bytes[index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (position % 8)))
                index += 1
            }
        }
    }

    /// The bytes of a span.
    func bytes(_ span: Span) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: span.count) { buffer, count in
            fill(UnsafeMutableRawBufferPointer(buffer), from: span.offset)
            count = span.count
        }
    }
}

extension FileVersion {
    static func test(_ name: String, size: Int64, etag: String = "one") -> FileVersion {
        FileVersion(uri: UFSURI("s3://bucket/\(name)"), etag: ETag(etag), size: size)
    }
}

/// A store that does what a test says, and remembers what it was asked.
final class ScriptedSource: SpanSource {
    /// What one request does.
    struct Plan: Sendable {
        /// Bytes given out before the failure; nil for all.
        var bytesMaximum: Int?
        /// What it throws in the end.
        var failure: StoreError?
        /// Slept before each chunk, in microseconds.
        var chunkDelay: UInt32 = 0
        /// Called before the first chunk, and before each further one with the bytes given out.
        var before: (@Sendable (Int) -> Void)?
        /// Bytes of a chunk, as libcurl hands them out.
        var chunkBytes = 16 << 10
        /// Bytes given out beyond the span.
        var excess = 0
    }

    private struct State {
        var spans: [Span] = []
        var underWay: [(FileVersion, Span)] = []
        var overlaps = 0
    }

    private let state = Mutex(State())
    private let plan: @Sendable (Span, Int) -> Plan

    init(_ plan: @escaping @Sendable (Span, Int) -> Plan = { _, _ in Plan() }) {
        self.plan = plan
    }

    /// The spans that were asked for, in order.
    var spans: [Span] { state.withLock { $0.spans } }
    /// Bytes asked for.
    var bytes: Int { spans.reduce(0) { $0 + $1.count } }
    /// How often a span was asked for while a request for a part of it was under way.
    var overlaps: Int { state.withLock { $0.overlaps } }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        let number = state.withLock { state in
            if state.underWay.contains(where: {
                $0.0 == version && $0.1.offset < span.end && span.offset < $0.1.end
            }) {
                state.overlaps += 1
            }
            state.underWay.append((version, span))
            state.spans.append(span)
            return state.spans.count - 1
        }
        defer {
            state.withLock { state in
                if let index = state.underWay.firstIndex(where: { $0.0 == version && $0.1 == span }) {
                    state.underWay.remove(at: index)
                }
            }
        }
        try give(span, of: version, plan(span, number), into: sink)
    }

    private func give(
        _ span: Span,
        of version: FileVersion,
        _ plan: Plan,
        into sink: SpanSink
    ) throws(StoreError) {
        let truth = Truth(version)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: plan.chunkBytes, alignment: 64)
        defer { chunk.deallocate() }
        let total = min(plan.bytesMaximum ?? span.count, span.count) + plan.excess
        var done = 0
        plan.before?(0)
        while done < total {
            if plan.chunkDelay > 0 { usleep(plan.chunkDelay) }
            let count = min(plan.chunkBytes, total - done)
            let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<count])
            truth.fill(part, from: span.offset + Int64(done))
            try sink(UnsafeRawBufferPointer(part))
            done += count
            plan.before?(done)
        }
        if let failure = plan.failure { throw failure }
    }
}

extension PinnedBytes {
    /// A copy of the bytes, read as the mount would.
    func copied() -> [UInt8] {
        withPieces { pieces in
            var all: [UInt8] = []
            for piece in pieces {
                switch piece {
                case .memory(let bytes): all += bytes
                case .file(let descriptor, let offset, let count):
                    var part = [UInt8](repeating: 0, count: count)
                    let got = pread(descriptor, &part, count, off_t(offset))
                    all += part.prefix(max(0, got))
                }
            }
            return all
        }
    }
}

/// A directory that is gone when the value is.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/page-cache-test-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
        precondition(path != "/tmp", "no temporary directory")
    }

    deinit { Self.remove(path) }

    static func remove(_ path: String) {
        for name in DirectoryScan.names(path, below: AT_FDCWD) ?? [] {
            let child = path + "/" + name
            if unlink(child) != 0 { remove(child) }
        }
        rmdir(path)
    }
}

/// Runs a body on several threads and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = (0..<count).map { index in
        do {
            return try NamedThread.startJoinable("test-\(index)") { body(index) }
        } catch {
            preconditionFailure("\(error)")
        }
    }
    for thread in threads { thread.join() }
}
