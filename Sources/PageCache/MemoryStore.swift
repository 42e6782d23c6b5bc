import CoreMetrics
import CLinux
import Synchronization

/// Which content owns which block of a ``MemoryArena``, and which goes next.
///
/// Lock order: a content's lock is never held when the store's lock is taken, and the other way round.
final class MemoryStore: Sendable {
    let arena: MemoryArena
    private let metrics: PageCacheMetrics
    private let slots = Mutex(Slots())
    private let lastUse = Atomic<UInt32>(linux_coarse_milliseconds())

    /// Blocks looked for at a time; one sweep over the table serves them all.
    private static let evictionBatch = 32
    /// How often an allotment evicts before it gives up.
    private static let attemptsMaximum = 4

    /// One block and who has it.
    struct Holding: Sendable {
        let slot: UInt32
        let owner: MemoryContent
        let block: Int
    }

    private struct Slots {
        /// Free blocks whose memory may be there already, latest first.
        var free: [UInt32] = []
        /// Free blocks that were given back to the kernel.
        var discarded: [UInt32] = []
        /// The owner of each block that was ever used.
        var owners: [MemoryContent?] = []
        /// Which block of its owner it holds.
        var blocks: [Int] = []
        /// Where the clock hand stands.
        var hand = 0
        /// Contents that have lost their last block.
        var emptied: [VersionKey] = []
        var usedCount: Int { owners.count - free.count - discarded.count }
    }

    init(bytesMaximum: Int64, metrics: PageCacheMetrics) throws(PageCacheError) {
        arena = try MemoryArena(bytesMaximum: bytesMaximum)
        self.metrics = metrics
    }

    /// Bytes of the blocks in use.
    var usedBytes: Int64 { Int64(slots.withLock { $0.usedCount }) * Int64(MemoryArena.blockBytes) }

    /// Finds a block, by eviction if need be.
    /// - Parameters:
    ///   - owner: Who will hold it.
    ///   - block: Which block of the owner.
    /// - Returns: `nil` if every block is pinned or being filled.
    func allot(to owner: MemoryContent, block: Int) -> UInt32? {
        touch()
        for _ in 0..<Self.attemptsMaximum {
            let slot = slots.withLock { state -> UInt32? in
                let slot: UInt32
                if let recycled = state.free.popLast() ?? state.discarded.popLast() {
                    slot = recycled
                } else if state.owners.count < arena.blockCount {
                    slot = UInt32(state.owners.count)
                    state.owners.append(nil)
                    state.blocks.append(0)
                } else {
                    return nil
                }
                state.owners[Int(slot)] = owner
                state.blocks[Int(slot)] = block
                arena.noteEmpty(slot)
                return slot
            }
            if let slot { return slot }
            if evict(Self.evictionBatch) == 0 { return nil }
        }
        return nil
    }

    /// Takes back blocks that their owners have let go.
    func giveBack(_ freed: [UInt32]) {
        guard !freed.isEmpty else { return }
        // The owners die outside of the lock.
        let owners = slots.withLock { state -> [MemoryContent?] in
            let owners = freed.map { state.owners[Int($0)] }
            for slot in freed {
                state.owners[Int(slot)] = nil
                arena.setWarmth(MemoryArena.Warmth.free, of: slot)
            }
            state.free.append(contentsOf: freed)
            return owners
        }
        withExtendedLifetime(owners) {}
    }

    /// Notes that the cache is at work.
    func touch() { lastUse.store(linux_coarse_milliseconds(), ordering: .relaxed) }

    /// How long nothing was stored or read, in milliseconds.
    var idleMilliseconds: UInt32 { linux_coarse_milliseconds() &- lastUse.load(ordering: .relaxed) }

    /// Frees some blocks: those read to their end first, then by second chance, what waits to be read last.
    private func evict(_ wanted: Int) -> Int {
        for pass in 0..<8 {
            let chosen = slots.withLock { choose(wanted, from: &$0, spentOnly: pass == 0) }
            var freed: [UInt32] = []
            var emptied: [VersionKey] = []
            for holding in chosen {
                guard let bytes = holding.owner.surrender(holding.block, in: holding.slot) else { continue }
                metrics.evictedBytes.increment(by: bytes)
                freed.append(holding.slot)
                if holding.owner.isEmpty { emptied.append(holding.owner.key) }
            }
            guard !freed.isEmpty else { continue }
            giveBack(freed)
            slots.withLock { $0.emptied.append(contentsOf: emptied) }
            return freed.count
        }
        return 0
    }

    /// One revolution of the clock hand, or less if enough is found.
    private func choose(_ wanted: Int, from state: inout Slots, spentOnly: Bool) -> [Holding] {
        var chosen: [Holding] = []
        for _ in 0..<state.owners.count where chosen.count < wanted {
            let slot = state.hand
            state.hand = slot + 1 == state.owners.count ? 0 : slot + 1
            let warmth = arena.warmth(of: slot)
            guard warmth != MemoryArena.Warmth.free, let owner = state.owners[slot] else { continue }
            if warmth == MemoryArena.Warmth.spent || (!spentOnly && warmth == MemoryArena.Warmth.warm) {
                chosen.append(Holding(slot: UInt32(slot), owner: owner, block: state.blocks[slot]))
            } else if !spentOnly {
                arena.setWarmth(warmth - 1, of: UInt32(slot))
                // Below the fresh ones comes hot, which is for blocks that were read: skip it.
                if warmth - 1 == MemoryArena.Warmth.hot {
                    arena.setWarmth(MemoryArena.Warmth.warm, of: UInt32(slot))
                }
            }
        }
        return chosen
    }

    /// Gives free memory back to the kernel once the cache is idle, and what was read when it is idle for
    /// long.
    /// - Parameters:
    ///   - idleBeforeTrim: Idle time after which free blocks lose their memory.
    ///   - idleBeforeDrop: Idle time after which blocks that were read become free.
    func trim(idleBeforeTrim: Duration, idleBeforeDrop: Duration) {
        let idle = Duration.milliseconds(Int64(idleMilliseconds))
        if idle >= idleBeforeDrop { dropEverythingRead() }
        guard idle >= idleBeforeTrim else { return }
        let free = slots.withLock { state in
            let free = state.free
            state.free = []
            return free
        }
        guard !free.isEmpty else { return }
        arena.discard(free)
        slots.withLock { $0.discarded.append(contentsOf: free) }
    }

    private func dropEverythingRead() {
        let all = slots.withLock { state in
            state.owners.indices.compactMap { slot -> Holding? in
                guard let owner = state.owners[slot] else { return nil }
                return Holding(slot: UInt32(slot), owner: owner, block: state.blocks[slot])
            }
        }
        var freed: [UInt32] = []
        for holding in all where holding.owner.surrender(holding.block, in: holding.slot) != nil {
            freed.append(holding.slot)
        }
        giveBack(freed)
        let emptied = Set(all.filter { $0.owner.isEmpty }.map { $0.owner.key })
        slots.withLock { $0.emptied.append(contentsOf: emptied) }
    }

    /// The contents that have lost their last block since the last call.
    func takeEmptied() -> [VersionKey] {
        slots.withLock { state in
            defer { state.emptied = [] }
            return state.emptied
        }
    }

    /// Lets go of all contents, which end the circle of references between them and the store.
    func close() {
        let owners = slots.withLock { state in
            defer { state.owners = state.owners.map { _ in nil } }
            return state.owners
        }
        withExtendedLifetime(owners) {}
    }
}
