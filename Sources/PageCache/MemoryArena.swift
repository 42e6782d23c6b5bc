import CLinux
import Synchronization

/// One reserved region of address space in blocks of 32 KiB, and how warm each block is.
///
/// Memory comes when a block is first written and stays while the cache is at work: a fresh page costs a
/// fault and a zeroing, about as much as the copy itself. Any thread may call it.
// Safety: the pointers are set once and valid until deinit, and lead to atomics and to the blocks. A block's
// bytes are written only by the admission that holds the block and read only where they were published under
// the content's lock.
final class MemoryArena: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let warmth: UnsafeMutablePointer<Atomic<UInt8>>
    private let seen: UnsafeMutablePointer<Atomic<UInt8>>
    private let pins: UnsafeMutablePointer<Atomic<UInt32>>
    /// How many blocks there are.
    let blockCount: Int

    /// Length of a block in bytes.
    static let blockBytes = 32 << 10
    /// Granules of a block.
    static let blockGranules = blockBytes / Granule.bytes

    /// How soon a block makes room for another.
    enum Warmth {
        /// Holds nothing.
        static let free: UInt8 = 0
        /// Read to its end, once: the first to go, so that a stream does not flush the rest.
        static let spent: UInt8 = 1
        /// Read in part.
        static let warm: UInt8 = 2
        /// Read more than once.
        static let hot: UInt8 = 3
        /// Brought ahead and not read yet; four sweeps of the clock hand turn it into a warm one.
        static let fresh: UInt8 = 7
    }

    /// - Parameter bytesMaximum: The size of the region; rounded down to whole blocks.
    /// - Throws: ``PageCacheError/noMemory(bytes:)``.
    init(bytesMaximum: Int64) throws(PageCacheError) {
        blockCount = Int(min(bytesMaximum, Int64(UInt32.max) * Int64(Self.blockBytes))) / Self.blockBytes
        guard let base = linux_memory_reserve(blockCount * Self.blockBytes) else {
            throw .noMemory(bytes: bytesMaximum)
        }
        self.base = base
        warmth = .allocate(capacity: blockCount)
        seen = .allocate(capacity: blockCount)
        pins = .allocate(capacity: blockCount)
        for slot in 0..<blockCount {
            (warmth + slot).initialize(to: Atomic(Warmth.free))
            (seen + slot).initialize(to: Atomic(0))
            (pins + slot).initialize(to: Atomic(0))
        }
    }

    deinit {
        linux_memory_release(base, blockCount * Self.blockBytes)
        warmth.deinitialize(count: blockCount)
        warmth.deallocate()
        seen.deinitialize(count: blockCount)
        seen.deallocate()
        pins.deinitialize(count: blockCount)
        pins.deallocate()
    }

    /// The bytes of a block.
    func bytes(of slot: UInt32) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(
            start: base + Int(slot) * Self.blockBytes,
            count: Self.blockBytes
        )
    }

    // MARK: - Pins

    /// Keeps a block from being evicted.
    ///
    /// Called under the lock of the content that holds it.
    func pin(_ slot: UInt32) { pins[Int(slot)].add(1, ordering: .relaxed) }

    /// Ends a pin; needs no lock.
    ///
    /// The order makes the reader's last look at the bytes come before their reuse.
    func unpin(_ slot: UInt32) { pins[Int(slot)].subtract(1, ordering: .releasing) }

    /// Whether a reader or an admission needs the block.
    ///
    /// Under the content's lock a "no" stays true.
    func isPinned(_ slot: UInt32) -> Bool { pins[Int(slot)].load(ordering: .acquiring) > 0 }

    // MARK: - Warmth

    /// Notes that granules of a block were read to their end.
    ///
    /// Called under the content's lock.
    /// - Parameters:
    ///   - read: A bit for each of them; may be none.
    ///   - present: A bit for each granule that is there.
    ///   - slot: The block.
    func note(_ read: UInt8, of present: UInt8, readIn slot: UInt32) {
        let before = seen[Int(slot)].load(ordering: .relaxed)
        guard before & read == 0 else { return setWarmth(Warmth.hot, of: slot) }
        seen[Int(slot)].store(before | read, ordering: .relaxed)
        setWarmth(before | read == present ? Warmth.spent : Warmth.warm, of: slot)
    }

    /// Notes that granules of a block have come.
    ///
    /// Called under the content's lock.
    func noteFilled(_ present: UInt8, _ slot: UInt32) {
        guard seen[Int(slot)].load(ordering: .relaxed) != present else { return }
        setWarmth(Warmth.fresh, of: slot)
    }

    /// Notes that a block begins a new life with nothing in it.
    func noteEmpty(_ slot: UInt32) {
        seen[Int(slot)].store(0, ordering: .relaxed)
        setWarmth(Warmth.fresh, of: slot)
    }

    /// How warm a block is.
    func warmth(of slot: Int) -> UInt8 { warmth[slot].load(ordering: .relaxed) }

    /// Says how warm a block is.
    ///
    /// Races are harmless: eviction asks the owner before it takes a block.
    func setWarmth(_ value: UInt8, of slot: UInt32) {
        warmth[Int(slot)].store(value, ordering: .relaxed)
    }

    /// Gives the memory of free blocks back to the kernel.
    func discard(_ slots: [UInt32]) {
        var run: Range<Int> = 0..<0
        for slot in slots.sorted() {
            if run.upperBound == Int(slot), !run.isEmpty {
                run = run.lowerBound..<Int(slot) + 1
                continue
            }
            discard(run)
            run = Int(slot)..<Int(slot) + 1
        }
        discard(run)
    }

    private func discard(_ run: Range<Int>) {
        guard !run.isEmpty else { return }
        linux_memory_discard(base + run.lowerBound * Self.blockBytes, run.count * Self.blockBytes)
    }
}
