import Glibc
import Pages
import Synchronization

/// Page files that keep what was fetched as a set of 4 KiB granules, and the list of fetches.
///
/// Byte `i` of a version is a function of its etag and `i`, so a test sees which version a byte is of.
final class ScriptedPages: PageSource {
    private let files = Mutex<[FileVersion: ScriptedFile]>([:])

    func open(_ version: FileVersion) -> any PageFile { file(version) }

    func file(_ version: FileVersion) -> ScriptedFile {
        files.withLock { files in
            if let file = files[version] { return file }
            let file = ScriptedFile(version: version)
            files[version] = file
            return file
        }
    }

    func cachedBytes(of version: FileVersion) -> Int64 {
        files.withLock { $0[version] }?.cachedBytes ?? 0
    }

    /// The only file that was opened.
    var onlyFile: ScriptedFile? { files.withLock { $0.count == 1 ? $0.first?.value : nil } }
}

/// Holds bytes until the pinned value is dropped.
final class BytesPin: Pin {
    // Safety: the memory is written before the pin is shared and only read after.
    nonisolated(unsafe) private let memory: UnsafeMutableRawBufferPointer
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }

    init(count: Int, fill: (Int) -> UInt8) {
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        for index in 0..<count { memory[index] = fill(index) }
    }

    deinit { memory.deallocate() }
}

final class ScriptedFile: PageFile {
    struct State {
        var granules: Set<Int64> = []
        /// Spans that a read or a load brought in, in order.
        var fetches: [Span] = []
        var failure: StoreError?
    }

    let version: FileVersion
    let state = Mutex(State())

    init(version: FileVersion) { self.version = version }

    static let granule: Int64 = 4096
    var fetches: [Span] { state.withLock { $0.fetches } }
    var fetchedBytes: Int { fetches.reduce(0) { $0 + $1.count } }
    var cachedBytes: Int64 { state.withLock { min(Int64($0.granules.count) * Self.granule, version.size) } }

    func fail(with error: StoreError?) { state.withLock { $0.failure = error } }

    /// Has everything in the cache.
    func warm() { state.withLock { $0.granules.formUnion(Self.granules(Span(from: 0, to: version.size))) } }

    static func granules(_ span: Span) -> Range<Int64> {
        span.offset / granule..<(span.end + granule - 1) / granule
    }

    static func byte(_ etag: ETag, _ offset: Int64) -> UInt8 {
        var hash: UInt8 = 7
        for unit in etag.text.utf8 { hash = hash &* 31 &+ unit }
        return hash &+ UInt8(truncatingIfNeeded: offset &* 13)
    }

    private func bytes(_ span: Span) -> PinnedBytes {
        let pin = BytesPin(count: span.count) { Self.byte(version.etag, span.offset + Int64($0)) }
        return PinnedBytes(pieces: [.memory(pin.bytes)], pin: pin)
    }

    func resident(_ span: Span) -> PinnedBytes? {
        isCovered(span) ? bytes(span) : nil
    }

    func read(_ span: Span, asking ask: Span) throws(StoreError) -> PinnedBytes {
        precondition(ask.contains(span) && ask.end <= version.size, "an ask contains its read")
        if !isCovered(span) { try fetch(ask) }
        return bytes(span)
    }

    func load(_ span: Span) throws(StoreError) {
        precondition(!span.isEmpty && span.end <= version.size, "a load lies inside the file")
        try fetch(span)
    }

    private func fetch(_ span: Span) throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            if let failure = state.failure { throw failure }
            state.fetches.append(span)
            state.granules.formUnion(Self.granules(span))
        }
    }

    func isCovered(_ span: Span) -> Bool {
        state.withLock { state in Self.granules(span).allSatisfy { state.granules.contains($0) } }
    }
}

extension PinnedBytes {
    /// A copy of the bytes.
    var copied: [UInt8] {
        withPieces { pieces in
            pieces.flatMap { piece -> [UInt8] in
                guard case .memory(let memory) = piece else { return [] }
                return Array(memory)
            }
        }
    }
}
