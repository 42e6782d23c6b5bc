import Glibc
public import Pages
import Synchronization

// What a mount that changes files tells its cache.
extension PageCache {
    /// The longest version that is taken in after a commit: more would push out what others read.
    var adoptedBytesMaximum: Int64 {
        switch store {
        case .memory(let memory): Int64(memory.arena.blockCount * MemoryArena.blockBytes) / 4
        case .disk(let disk): disk.bytesMaximum / 2
        }
    }

    /// Takes in bytes of a version that was just committed.
    ///
    /// Granules that a span has only in part are left out, and so is a version that is longer than a
    /// quarter of a cache in memory or half of one on disk. Copies at most that much, on this thread; what
    /// is there already is not copied. Who reads meanwhile waits for the copy, of up to 256 MiB at a time.
    /// - Parameters:
    ///   - version: What the store holds now.
    ///   - descriptor: A file that has the bytes at the same offsets; unchanged until the call returns.
    ///   - spans: Which bytes it has; inside the version's size.
    public func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span]) {
        guard version.size > 0, version.size <= adoptedBytesMaximum else { return }
        let handle = open(version)
        defer { withExtendedLifetime(handle) {} }
        guard let file = files.file(for: VersionKey(version)) else { return }
        let source = DescriptorSource(descriptor)
        for span in spans {
            let granules = Granule.whole(in: span.clamped(to: version.size), size: version.size)
            guard copy(granules, into: file, from: source) else { return }
        }
    }

    /// Says that the bytes of a version have got another name or ETag.
    ///
    /// In memory and on disk the bytes stay where they are, and a cache directory gets a new record (a
    /// thousandth of what is cached). If the new version is open already and has bytes of its own, those it
    /// lacks are copied. Waits at most a second, for a record that is being written.
    /// - Parameters:
    ///   - old: What it was called.
    ///   - new: What it is called now; nothing happens if its size differs.
    public func follow(from old: FileVersion, to new: FileVersion) {
        guard old != new, old.size == new.size, old.size > 0 else { return }
        let key = VersionKey(old)
        let isKnown = files.file(for: key) != nil
        if case .memory = store, !isKnown { return }
        let handle = open(old)
        defer { withExtendedLifetime(handle) {} }
        guard let file = files.file(for: key), isKnown || file.content.presentBytes > 0 else { return }
        // An old name of a content that has got another one since: that one needs it.
        guard file.content.key == key else { return copy(file, to: new) }
        guard file.content.beginMove() else { return }
        switch files.succeed(new, VersionKey(new), to: file) {
        case .shared: file.content.move(to: new)
        case .apart:
            file.content.endMove()
            file.renamed(to: new)
            copy(file, to: new)
        }
    }

    /// Copies what a version has into another one that lacks it.
    private func copy(_ old: CachedFile, to new: FileVersion) {
        let handle = open(new)
        defer { withExtendedLifetime(handle) {} }
        guard let file = files.file(for: VersionKey(new)), file !== old else { return }
        let all = 0..<Granule.count(size: new.size)
        old.content.prepare(all)
        var present: [Range<Int>] = []
        var position = 0
        for missing in old.content.missing(in: all) + [all.upperBound..<all.upperBound] {
            if missing.lowerBound > position { present.append(position..<missing.lowerBound) }
            position = missing.upperBound
        }
        let source = ContentSource(old.content)
        for granules in present {
            guard copy(granules, into: file, from: source) else { return }
        }
    }

    /// Fills the gaps of a run of granules, a part at a time.
    /// - Returns: `false` if the cache or the source has refused.
    private func copy(_ granules: Range<Int>, into file: CachedFile, from source: any SpanSource) -> Bool {
        let context = CacheContext(
            next: source,
            options: context.options,
            metrics: context.metrics,
            privateBuffers: context.privateBuffers
        )
        let step = CacheLimits.adoptedGranules
        for first in stride(from: granules.lowerBound, to: granules.upperBound, by: step) {
            let part = Granule.span(
                of: first..<min(first + step, granules.upperBound),
                size: file.version.size
            )
            guard case .fetch(let runs) = file.claim(part, asking: part) else { continue }
            guard let outcome = try? Transfer.fetch(runs, of: file, in: context), outcome == .stored else {
                return false
            }
        }
        return true
    }
}

/// Reads from an open file that has the bytes of a version at their offsets.
private struct DescriptorSource: SpanSource {
    let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        let buffer = WriteBuffer(count: min(span.count, CacheLimits.writeBytes))
        var offset = span.offset
        while offset < span.end {
            let wanted = min(buffer.bytes.count, Int(span.end - offset))
            let count = pread(descriptor, buffer.bytes.baseAddress, wanted, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .corrupt("\(version.uri): what was written ends at \(offset)") }
            try sink(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
            offset += Int64(count)
        }
    }
}

/// Reads what another version has in the cache.
private struct ContentSource: SpanSource {
    let content: any StoredContent

    init(_ content: any StoredContent) {
        self.content = content
    }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        var offset = span.offset
        while offset < span.end {
            let part = Span(from: offset, to: min(offset + Int64(CacheLimits.writeBytes), span.end))
            guard let bytes = content.pin(part) else { throw .unavailable("\(version.uri): evicted") }
            try bytes.withPieces { (pieces) throws(StoreError) in
                for piece in pieces {
                    switch piece {
                    case .memory(let memory): try sink(memory)
                    case .file(let descriptor, let start, let count):
                        let range = Span(offset: start, count: count)
                        try DescriptorSource(descriptor).fetch(range, of: version, into: sink)
                    }
                }
            }
            offset = part.end
        }
    }
}
