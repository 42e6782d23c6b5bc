import Pages

/// Copies the bytes of one claimed run into blocks, on the thread that fetches them.
///
/// A block is held from its first byte until its granules are published, so it cannot be evicted half-
/// written.
final class MemoryAdmission: Admission {
    private let content: MemoryContent
    private let end: Int64
    private var position: Int64
    /// Blocks that are held and not yet begun, the next one last.
    private var ahead: [UnsafeMutableRawBufferPointer] = []
    private var block: UnsafeMutableRawBufferPointer?
    private var heldBlocks: Range<Int>
    private var published: Int

    init(_ granules: Range<Int>, of content: MemoryContent) {
        self.content = content
        let span = Granule.span(of: granules, size: content.size)
        position = span.offset
        end = span.end
        published = granules.lowerBound
        let first = Int(span.offset) / MemoryArena.blockBytes
        heldBlocks = first..<first
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(AdmissionFailure) -> Int {
        var rest = bytes[...]
        while !rest.isEmpty {
            let inside = Int(position % Int64(MemoryArena.blockBytes))
            if block == nil {
                block = try nextBlock()
            }
            let count = min(rest.count, MemoryArena.blockBytes - inside)
            if let target = block?.baseAddress,
                let source = UnsafeRawBufferPointer(rebasing: rest).baseAddress
            {
                (target + inside).copyMemory(from: source, byteCount: count)
            }
            rest = rest.dropFirst(count)
            position += Int64(count)
            if inside + count == MemoryArena.blockBytes { block = nil }
            if position % Int64(CacheLimits.publishBytes) == 0 { publish() }
        }
        return published
    }

    /// Goes on to the next block; holds several at a time.
    private func nextBlock() throws(AdmissionFailure) -> UnsafeMutableRawBufferPointer {
        if ahead.isEmpty {
            let first = heldBlocks.upperBound
            let last = Int(end - 1) / MemoryArena.blockBytes
            let held = content.hold(first..<min(last + 1, first + CacheLimits.heldBlocksMaximum))
            heldBlocks = heldBlocks.lowerBound..<first + held.count
            ahead = held.reversed()
        }
        guard let next = ahead.popLast() else { throw AdmissionFailure() }
        return next
    }

    func finish() -> Int {
        publish()
        if !heldBlocks.isEmpty { content.publish(0..<0, releasing: heldBlocks) }
        heldBlocks = heldBlocks.upperBound..<heldBlocks.upperBound
        ahead = []
        block = nil
        return published
    }

    /// Publishes the whole granules so far and releases the whole blocks.
    private func publish() {
        let complete =
            position == end ? Granule.count(size: end) : Int(position / Int64(Granule.bytes))
        guard complete > published else { return }
        let released =
            position == end ? heldBlocks.upperBound : Int(position / Int64(MemoryArena.blockBytes))
        let done = heldBlocks.lowerBound..<max(heldBlocks.lowerBound, released)
        content.publish(published..<complete, releasing: done)
        heldBlocks = done.upperBound..<heldBlocks.upperBound
        published = complete
    }
}
