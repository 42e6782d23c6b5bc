import CoreMetrics
import Pages
import Threading

/// One version, open for reading: what ``PageCache/open(_:)`` gives out.
final class OpenCachedFile: PageFile {
    private let file: CachedFile
    private let context: CacheContext
    private let onClose: @Sendable (CachedFile) -> Void

    init(_ file: CachedFile, in context: CacheContext, onClose: @escaping @Sendable (CachedFile) -> Void) {
        self.file = file
        self.context = context
        self.onClose = onClose
    }

    deinit { onClose(file) }

    var version: FileVersion { file.version }

    func resident(_ span: Span) -> PinnedBytes? {
        guard !span.isEmpty else { return .empty }
        guard let bytes = file.content.pin(span) else { return nil }
        context.metrics.hitBytes.increment(by: span.count)
        return bytes
    }

    func isCovered(_ span: Span) -> Bool {
        span.isEmpty || file.isCovered(span)
    }

    func load(_ span: Span, _ arrived: (Int) -> Void) throws(StoreError) {
        guard !span.isEmpty else { return }
        guard case .fetch(let runs) = file.claim(span, asking: span) else { return }
        _ = try Transfer.fetch(runs, of: file, in: context, arrived)
    }

    func read(_ span: Span, asking ask: Span) throws(StoreError) -> PinnedBytes {
        precondition(span.end <= file.version.size, "a read ends within the file")
        if let bytes = resident(span) { return bytes }
        context.metrics.missBytes.increment(by: span.count)
        let deadline = MonotonicInstant.now + context.options.flightWaitMaximum
        while true {
            let source = file.source
            do throws(StoreError) {
                return try fetch(span, asking: ask, until: deadline)
            } catch {
                guard error == .stale else { throw error }
                // Renamed meanwhile, so what is gone is the old name only.
                if file.source != source { continue }
                // Or the new name is gone; there may be such a version under the old one again.
                guard source != version else { throw error }
                file.renamed(to: version)
            }
        }
    }

    private func fetch(
        _ span: Span,
        asking ask: Span,
        until deadline: MonotonicInstant
    ) throws(StoreError) -> PinnedBytes {
        var attempts = 0
        while attempts < CacheLimits.attemptsMaximum {
            switch file.claim(span, asking: ask.contains(span) ? ask : span) {
            case .present: attempts += 1
            case .fetch(let runs):
                guard try Transfer.fetch(runs, of: file, in: context) == .stored else {
                    return try readUncached(span, until: deadline)
                }
                attempts += 1
            case .wait(let flight, let generation):
                try wait(for: flight, past: generation, until: deadline)
            }
            if let bytes = file.content.pin(span) { return bytes }
        }
        return try readUncached(span, until: deadline)
    }

    private func wait(
        for flight: Flight,
        past generation: UInt64,
        until deadline: MonotonicInstant
    ) throws(StoreError) {
        context.metrics.waits.increment()
        switch flight.wait(past: generation, until: deadline) {
        case .changed: return
        case .stale: throw .stale
        case .timedOut:
            throw .unavailable(
                "\(version.uri): waited \(context.options.flightWaitMaximum) for another reader's transfer"
            )
        }
    }

    /// Reads past the cache, into memory of this read alone.
    private func readUncached(_ span: Span, until deadline: MonotonicInstant) throws(StoreError)
        -> PinnedBytes
    {
        context.metrics.uncachedReads.increment()
        guard let buffer = context.privateBuffers.take(span.count, until: deadline) else {
            throw .unavailable(
                "\(version.uri): no memory for an uncached read within \(context.options.flightWaitMaximum)"
            )
        }
        var count = 0
        try context.next.fetch(span, of: file.source) { (bytes) throws(StoreError) in
            guard count + bytes.count <= span.count, let source = bytes.baseAddress else {
                throw .corrupt("\(version.uri): more than the \(span.count) bytes asked for")
            }
            buffer.bytes.baseAddress?.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
            count += bytes.count
        }
        guard count == span.count else {
            throw .corrupt("\(version.uri): got \(count) of \(span.count) bytes")
        }
        return PinnedBytes(pieces: [.memory(UnsafeRawBufferPointer(buffer.bytes))], pin: buffer)
    }
}
