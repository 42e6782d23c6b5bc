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

    func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span]) {}

    func follow(from old: FileVersion, to new: FileVersion) {}

    /// The only file that was opened.
    var onlyFile: ScriptedFile? { files.withLock { $0.count == 1 ? $0.first?.value : nil } }
}

/// The bytes of a version over and over: byte `i` depends on `i` modulo 256 only.
final class PatternPin: Pin {
    static let longest = 1 << 20
    // Safety: the memory is written before the pin is shared and only read after.
    nonisolated(unsafe) private let memory: UnsafeMutableRawBufferPointer

    init(_ etag: ETag) {
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 + Self.longest, alignment: 1)
        for index in 0..<256 { memory[index] = ScriptedFile.byte(etag, Int64(index)) }
        var filled = 256
        while filled < memory.count {
            let more = min(filled, memory.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: memory[filled..<filled + more])
                .copyBytes(from: UnsafeRawBufferPointer(rebasing: memory[..<more]))
            filled += more
        }
    }

    deinit { memory.deallocate() }

    func bytes(_ span: Span) -> UnsafeRawBufferPointer {
        precondition(span.count <= Self.longest, "a test reads at most 1 MiB at a time")
        let start = Int(span.offset % 256)
        return UnsafeRawBufferPointer(rebasing: memory[start..<start + span.count])
    }
}

final class ScriptedFile: PageFile {
    struct State {
        var granules = RangeSet<Int64>()
        /// Spans that a read or a load brought in, in order.
        var fetches: [Span] = []
        var failure: StoreError?
    }

    let version: FileVersion
    let state = Mutex(State())

    private let pin: PatternPin

    init(version: FileVersion) {
        self.version = version
        pin = PatternPin(version.etag)
    }

    static let granule: Int64 = 4096
    var fetches: [Span] { state.withLock { $0.fetches } }
    var fetchedBytes: Int { fetches.reduce(0) { $0 + $1.count } }
    var cachedBytes: Int64 {
        let granules = state.withLock { $0.granules.ranges.reduce(0) { $0 + Int64($1.count) } }
        return min(granules * Self.granule, version.size)
    }

    func fail(with error: StoreError?) { state.withLock { $0.failure = error } }

    /// Has everything in the cache.
    func warm() {
        state.withLock { $0.granules.insert(contentsOf: Self.granules(Span(from: 0, to: version.size))) }
    }

    static func granules(_ span: Span) -> Range<Int64> {
        span.offset / granule..<(span.end + granule - 1) / granule
    }

    static func byte(_ etag: ETag, _ offset: Int64) -> UInt8 {
        var hash: UInt8 = 7
        for unit in etag.text.utf8 { hash = hash &* 31 &+ unit }
        return hash &+ UInt8(truncatingIfNeeded: offset &* 13)
    }

    private func bytes(_ span: Span) -> PinnedBytes {
        PinnedBytes(pieces: [.memory(pin.bytes(span))], pin: pin)
    }

    func resident(_ span: Span) -> PinnedBytes? {
        isCovered(span) ? bytes(span) : nil
    }

    func read(_ span: Span, asking ask: Span) throws(StoreError) -> PinnedBytes {
        precondition(ask.contains(span) && ask.end <= version.size, "an ask contains its read")
        if !isCovered(span) { try fetch(ask) }
        return bytes(span)
    }

    func load(_ span: Span, _ arrived: (Int) -> Void) throws(StoreError) {
        precondition(!span.isEmpty && span.end <= version.size, "a load lies inside the file")
        try fetch(span)
        arrived(span.count)
    }

    private func fetch(_ span: Span) throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            if let failure = state.failure { throw failure }
            state.fetches.append(span)
            state.granules.insert(contentsOf: Self.granules(span))
        }
    }

    func isCovered(_ span: Span) -> Bool {
        state.withLock { $0.granules.isSuperset(of: RangeSet(Self.granules(span))) }
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
