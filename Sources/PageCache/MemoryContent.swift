import Pages
import Synchronization

/// The blocks of one version in memory.
final class MemoryContent: StoredContent {
    let size: Int64
    private let store: MemoryStore
    private let state: Mutex<State>

    /// 32 KiB of the version.
    struct Block {
        /// Where its bytes lie.
        let slot: UInt32
        /// A bit for each granule that is there.
        var present: UInt8 = 0
    }

    private struct State {
        var key: VersionKey
        var blocks: [Int: Block] = [:]
    }

    init(key: VersionKey, size: Int64, store: MemoryStore) {
        self.size = size
        self.store = store
        state = Mutex(State(key: key))
    }

    var key: VersionKey { state.withLock { $0.key } }

    func beginMove() -> Bool { true }

    func endMove() {}

    func move(to version: FileVersion) {
        let key = VersionKey(version)
        state.withLock { $0.key = key }
    }

    private static let blockBytes = Int64(MemoryArena.blockBytes)
    private static let blockGranules = MemoryArena.blockGranules

    func prepare(_ granules: Range<Int>) {}

    var presentBytes: Int64 {
        let all = 0..<Granule.count(size: size)
        guard let last = all.last else { return 0 }
        let (granules, hasLast) = state.withLock { state in
            let block = state.blocks[last / Self.blockGranules]
            return (
                state.blocks.values.reduce(0) { $0 + $1.present.nonzeroBitCount },
                (block?.present ?? 0) & Self.mask(last / Self.blockGranules, last..<last + 1) != 0
            )
        }
        return Granule.bytes(count: granules, withLast: hasLast, size: size)
    }

    var isForgettable: Bool { isEmpty }

    func handlesClosed() {}

    /// Whether it holds no block.
    var isEmpty: Bool { state.withLock { $0.blocks.isEmpty } }

    /// The bits of a block's granules that lie in a range of granules.
    private static func mask(_ block: Int, _ granules: Range<Int>) -> UInt8 {
        let part = granules.clamped(to: block * blockGranules..<(block + 1) * blockGranules)
        guard !part.isEmpty else { return 0 }
        return UInt8(truncatingIfNeeded: (1 << part.count - 1) << (part.lowerBound - block * blockGranules))
    }

    func missing(in granules: Range<Int>) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        state.withLock { state in
            var granule = granules.lowerBound
            while granule < granules.upperBound {
                let block = granule / Self.blockGranules
                let end = min((block + 1) * Self.blockGranules, granules.upperBound)
                let wanted = Self.mask(block, granule..<end)
                let present = state.blocks[block]?.present ?? 0
                if wanted & present == 0 {
                    runs.appendGranules(granule..<end)
                } else if wanted & ~present != 0 {
                    for one in granule..<end where present & Self.mask(block, one..<one + 1) == 0 {
                        runs.appendGranules(one..<one + 1)
                    }
                }
                granule = end
            }
        }
        return runs
    }

    func pin(_ span: Span) -> PinnedBytes? {
        let blocks = Int(span.offset / Self.blockBytes)...Int((span.end - 1) / Self.blockBytes)
        let granules = Granule.range(of: span)
        // A granule counts as read when its last byte was: then a stream of odd-sized reads reads each once.
        let ended = span.end == size ? granules : granules.lowerBound..<Int(span.end / Int64(Granule.bytes))
        let found = state.withLock { state -> [Block]? in
            var found: [Block] = []
            found.reserveCapacity(blocks.count)
            // Only a read that gets all its bytes counts as a reading, so the look comes before the note.
            for number in blocks {
                let wanted = Self.mask(number, granules)
                guard let block = state.blocks[number], block.present & wanted == wanted else { return nil }
                found.append(block)
            }
            for (number, block) in zip(blocks, found) {
                store.arena.pin(block.slot)
                store.arena.note(Self.mask(number, ended), of: block.present, readIn: block.slot)
            }
            return found
        }
        guard let found else { return nil }
        store.touch()
        return PinnedBytes(
            pieces: pieces(of: span, in: found),
            pin: MemoryPin(store.arena, found)
        )
    }

    /// The bytes of a span in its blocks; neighbours in memory become one piece.
    private func pieces(of span: Span, in blocks: [Block]) -> [PinnedBytes.Piece] {
        var pieces: [PinnedBytes.Piece] = []
        var position = span.offset
        var index = 0
        while position < span.end {
            let inside = Int(position % Self.blockBytes)
            var count = MemoryArena.blockBytes - inside
            let first = store.arena.bytes(of: blocks[index].slot)
            while index + 1 < blocks.count, blocks[index + 1].slot == blocks[index].slot + 1 {
                count += MemoryArena.blockBytes
                index += 1
            }
            index += 1
            count = min(count, Int(span.end - position))
            let start = first.baseAddress.map { UnsafeRawPointer($0 + inside) }
            pieces.append(.memory(UnsafeRawBufferPointer(start: start, count: count)))
            position += Int64(count)
        }
        return pieces
    }

    /// Gives up blocks to eviction.
    /// - Parameter held: Blocks and the slots that they are thought to be in.
    /// - Returns: The slots that are free now, and the bytes that were in them: without those whose blocks
    ///   are needed or have moved.
    func surrender(_ held: [MemoryStore.Holding]) -> (slots: [UInt32], bytes: Int) {
        state.withLock { state in
            var slots: [UInt32] = []
            var granules = 0
            for holding in held {
                guard let block = state.blocks[holding.block], block.slot == holding.slot,
                    !store.arena.isPinned(holding.slot)
                else {
                    continue
                }
                state.blocks[holding.block] = nil
                granules += block.present.nonzeroBitCount
                slots.append(holding.slot)
            }
            return (slots, granules * Granule.bytes)
        }
    }

    func admit(_ granules: Range<Int>) -> (any Admission)? {
        MemoryAdmission(granules, of: self)
    }

    // MARK: - For admissions

    /// Pins blocks for writing, allotting those that are not there.
    ///
    /// Several at a time, since each block costs its lock and the store's.
    /// - Parameter blocks: Not empty, ascending.
    /// - Returns: The bytes of the first of them, in order: fewer than asked for if no more are to be had.
    func hold(_ blocks: Range<Int>) -> [UnsafeMutableRawBufferPointer] {
        let absent = state.withLock { state in
            blocks.filter { block in
                guard let held = state.blocks[block] else { return true }
                store.arena.pin(held.slot)
                return false
            }
        }
        let allotted = absent.isEmpty ? [] : store.allot(absent, to: self)
        var spare: [UInt32] = []
        var held: [UInt32] = []
        state.withLock { state in
            for (block, slot) in zip(absent, allotted) {
                // Another admission into the same block may have been faster.
                let kept = state.blocks[block]?.slot ?? slot
                store.arena.pin(kept)
                if kept == slot { state.blocks[block] = Block(slot: slot) } else { spare.append(slot) }
            }
            let end = absent.count > allotted.count ? absent[allotted.count] : blocks.upperBound
            held = (blocks.lowerBound..<end).compactMap { state.blocks[$0]?.slot }
            // What lies behind the first block that is not to be had is of no use.
            for block in end..<blocks.upperBound where !absent.contains(block) {
                if let slot = state.blocks[block]?.slot { store.arena.unpin(slot) }
            }
        }
        store.giveBack(spare)
        return held.map(store.arena.bytes)
    }

    /// Makes granules readable and lets go of blocks.
    /// - Parameters:
    ///   - granules: Written to their end.
    ///   - blocks: Held by the caller so far.
    func publish(_ granules: Range<Int>, releasing blocks: Range<Int>) {
        let empty = state.withLock { state -> [UInt32] in
            var empty: [UInt32] = []
            if !granules.isEmpty {
                let last = (granules.upperBound - 1) / Self.blockGranules
                for block in granules.lowerBound / Self.blockGranules...last {
                    state.blocks[block]?.present |= Self.mask(block, granules)
                    if let held = state.blocks[block] { store.arena.noteFilled(held.present, held.slot) }
                }
            }
            for block in blocks {
                guard let held = state.blocks[block] else { continue }
                store.arena.unpin(held.slot)
                guard held.present == 0, !store.arena.isPinned(held.slot) else { continue }
                state.blocks[block] = nil
                empty.append(held.slot)
            }
            return empty
        }
        store.giveBack(empty)
    }
}

/// Keeps blocks in memory until a reply is out.
private final class MemoryPin: Pin {
    private let arena: MemoryArena
    private let blocks: [MemoryContent.Block]

    init(_ arena: MemoryArena, _ blocks: [MemoryContent.Block]) {
        self.arena = arena
        self.blocks = blocks
    }

    deinit {
        for block in blocks { arena.unpin(block.slot) }
    }
}

extension [Range<Int>] {
    /// Appends granules to ascending runs.
    mutating func appendGranules(_ granules: Range<Int>) {
        if let last, last.upperBound == granules.lowerBound {
            self[count - 1] = last.lowerBound..<granules.upperBound
        } else {
            append(granules)
        }
    }
}
