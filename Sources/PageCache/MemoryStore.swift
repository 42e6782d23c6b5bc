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

    /// Blocks looked for at a time: one sweep over the table, under its lock, serves as many allotments.
    private static let evictionBatch = 256
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

        /// A block that nobody has; nil if there is none.
        mutating func takeFree(of blockCount: Int) -> UInt32? {
            if let recycled = free.popLast() ?? discarded.popLast() { return recycled }
            guard owners.count < blockCount else { return nil }
            owners.append(nil)
            blocks.append(0)
            return UInt32(owners.count - 1)
        }
    }

    init(bytesMaximum: Int64, metrics: PageCacheMetrics) throws(PageCacheError) {
        arena = try MemoryArena(bytesMaximum: bytesMaximum)
        self.metrics = metrics
    }

    /// Bytes of the blocks in use.
    var usedBytes: Int64 { Int64(slots.withLock { $0.usedCount }) * Int64(MemoryArena.blockBytes) }

    /// Finds blocks, by eviction if need be.
    /// - Parameters:
    ///   - blocks: Which blocks of the owner.
    ///   - owner: Who will hold them.
    /// - Returns: A slot for each of the first blocks; fewer than wanted if the others are pinned or being
    ///   filled.
    func allot(_ blocks: [Int], to owner: MemoryContent) -> [UInt32] {
        touch()
        var found: [UInt32] = []
        for _ in 0..<Self.attemptsMaximum {
            slots.withLock { state in
                while found.count < blocks.count, let slot = state.takeFree(of: arena.blockCount) {
                    state.owners[Int(slot)] = owner
                    state.blocks[Int(slot)] = blocks[found.count]
                    arena.noteEmpty(slot)
                    found.append(slot)
                }
            }
            if found.count == blocks.count || evict(Self.evictionBatch) == 0 { break }
        }
        return found
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
            // The lowest goes first, so that neighbours in a file tend to be neighbours in memory.
            state.free.append(contentsOf: freed.sorted(by: >))
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
            let freed = surrender(chosen)
            metrics.evictedBytes.increment(by: freed.bytes)
            if freed.count > 0 { return freed.count }
        }
        return 0
    }

    /// Frees the blocks that their owners can do without.
    private func surrender(_ chosen: [Holding]) -> (count: Int, bytes: Int) {
        var freed: [UInt32] = []
        var emptied: [VersionKey] = []
        var bytesFreed = 0
        for holdings in Dictionary(grouping: chosen, by: { ObjectIdentifier($0.owner) }).values {
            let owner = holdings[0].owner
            let (slots, bytes) = owner.surrender(holdings)
            freed += slots
            bytesFreed += bytes
            if owner.isEmpty { emptied.append(owner.key) }
        }
        giveBack(freed)
        if !emptied.isEmpty { slots.withLock { $0.emptied.append(contentsOf: emptied) } }
        return (freed.count, bytesFreed)
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
        _ = surrender(all)
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
