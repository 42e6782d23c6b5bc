import Cluster
import Logging
import Metadata
import ObjectStore
import Pages
import Settings
import Threading

/// The stores of a mount table as POSIX wants them: each is made when it is first used, and kept until its
/// mount has ended and everything that was changed in it is stored.
///
/// Any thread may call it.
final class MountedStores: Sendable {
    private struct State {
        /// The stores of mounts, by their numbers.
        var made: [UInt64: MountedStore] = [:]
        /// Numbers of stores that a thread is making.
        var making: Set<UInt64> = []
        /// Why stores could not be made, and when, in nanoseconds.
        var failures: [UInt64: (error: StoreError, time: Int64)] = [:]
        /// Mounts for which an earlier daemon left something to do, and that nobody has used yet.
        var awaited: [UInt64: StoreMount] = [:]
        /// Stores without a mount that have something left to do, with numbers for their chores.
        var ended: [(chore: UInt64, store: MountedStore)] = []
        var lastChore: UInt64 = 0
        var hasReported = false
    }

    private let table: StoreTable
    private let links: StoreLinks
    private let shown: AttributedStoreOptions
    /// Nil if nothing can be changed.
    private let journals: JournalDirectories?
    private let logger = Logger(label: "stores")
    private let lock = Lock()
    private let made = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) private var state = State()

    /// The most stores that are kept after their mount has ended; the journals of others wait for the next
    /// daemon.
    static let endedMaximum = 64
    /// How long a store that could not be made is not tried again, in nanoseconds.
    private static let retryInterval: Int64 = 5_000_000_000
    /// How long a thread waits for another one that makes a store.
    private static let makingDeadline = Duration.seconds(120)
    /// The most stores that are finished at a time.
    private static let finishersMaximum = 16
    /// Chores of stores without a mount have numbers from here on.
    private static let endedChores: UInt64 = 1 << 63

    /// Prepares to make stores.
    /// - Parameters:
    ///   - table: The mounts.
    ///   - links: What is put before each store.
    ///   - shown: What is shown where a store says nothing, and where journals lie; without a directory for
    ///     them nothing can be changed.
    init(table: StoreTable, links: StoreLinks, shown: AttributedStoreOptions) {
        self.table = table
        self.links = links
        self.shown = shown
        journals = shown.journalDirectory.map { JournalDirectories(root: $0) }
        table.onChange { [weak self] _ in self?.follow() }
        follow()
    }

    /// The store of a mount, if it is in use; never waits.
    func known(_ mount: StoreMount) -> MountedStore? { locked { $0.made[mount.id] } }

    /// The store of a mount.
    /// - Parameters:
    ///   - mount: From the table.
    ///   - mayWait: Whether to wait while it is made, which may take questions to the store.
    /// - Returns: The store, the same one each time.
    /// - Throws: ``StoreError/wouldWait``, or ``StoreError/unavailable(_:)`` if it can't be used.
    func store(of mount: StoreMount, mayWait: Bool) throws(StoreError) -> MountedStore {
        if let known = try claim(mount, mayWait: mayWait) { return known }
        let outcome: Result<MountedStore, StoreError>
        do throws(StoreError) {
            outcome = .success(try make(mount))
        } catch {
            outcome = .failure(error)
        }
        finishMaking(mount, outcome)
        return try outcome.get()
    }

    /// Waits until everything that was changed is stored.
    /// - Throws: The first error; what it left is in a journal.
    func finish() throws(StoreError) {
        let stores = locked { Array($0.made.values) + $0.ended.map(\.store) }
        try StoreFinishing.run(stores, threadsMaximum: Self.finishersMaximum)
    }

    /// What is due, a piece for each store.
    var chores: [StoreChore] {
        reportOrphans()
        let (made, awaited, ended) = locked { (Array($0.made.values), Array($0.awaited.values), $0.ended) }
        return made.map { store in StoreChore(id: store.mount.id) { store.housekeep() } }
            + awaited.map { mount in
                StoreChore(id: mount.id) { [self] in _ = try? store(of: mount, mayWait: true) }
            }
            + ended.map { chore, _ in StoreChore(id: chore) { [self] in end(chore) } }
    }

    // MARK: Making

    /// The store if there is one; nil if the caller is to make it.
    private func claim(_ mount: StoreMount, mayWait: Bool) throws(StoreError) -> MountedStore? {
        let deadline = MonotonicInstant.now + Self.makingDeadline
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let known = state.made[mount.id] { return known }
            // Only a journal takes time, and questions to the store.
            guard mayWait || mount.link?.keepsJournal == false else { throw .wouldWait }
            if let (error, time) = state.failures[mount.id], systemClock() - time < Self.retryInterval {
                throw error
            }
            guard state.making.contains(mount.id) else { break }
            guard mayWait else { throw .wouldWait }
            guard made.wait(lock, until: deadline) else {
                throw .unavailable("\(mount.entry.path): its store is still being asked what was left of it")
            }
        }
        state.making.insert(mount.id)
        return nil
    }

    private func finishMaking(_ mount: StoreMount, _ outcome: Result<MountedStore, StoreError>) {
        locked { state in
            state.making.remove(mount.id)
            switch outcome {
            case .success(let store):
                state.failures[mount.id] = nil
                state.awaited[mount.id] = nil
                state.made[mount.id] = store
            case .failure(let error):
                state.failures[mount.id] = (error, systemClock())
            }
        }
        made.broadcast()
        // Its mount may have ended meanwhile.
        follow()
    }

    private func make(_ mount: StoreMount) throws(StoreError) -> MountedStore {
        let link = try mount.usable()
        guard link.keepsJournal, !mount.entry.isReadOnly, let journals else {
            return try make(mount, link, nil)
        }
        // What a predecessor was told is to be found in the store.
        for store in predecessors(of: mount) { try? store.finish() }
        let store = try make(mount, link, try journals.lease(for: mount.entry))
        for lease in journals.leftovers(of: mount.entry) { takeUp(lease, mount, link) }
        return store
    }

    private func make(
        _ mount: StoreMount,
        _ link: StoreLink,
        _ journal: JournalLease?
    ) throws(StoreError) -> MountedStore {
        var options = shown
        options.journalDirectory = journal?.path
        do throws(Failure) {
            let store = links.changes(try link.posix(LinkedStore(link.source, links), options))
            return MountedStore(mount, store, journal: journal, in: table)
        } catch {
            throw .unavailable("\(mount.entry.path) (\(mount.entry.ufs)) can't be used: \(error.message)")
        }
    }

    /// Finishes what a second store of a mount left, beside the mount's own.
    private func takeUp(_ journal: JournalLease, _ mount: StoreMount, _ link: StoreLink) {
        do throws(StoreError) {
            let store = try make(mount, link, journal)
            locked { Self.retire(store, &$0) }
        } catch {
            logger.warning(
                "changes of a mount wait for the next daemon",
                metadata: [
                    "mount": "\(mount.entry.path)", "journal": "\(journal.path)", "reason": "\(error)",
                ]
            )
        }
    }

    private func predecessors(of mount: StoreMount) -> [MountedStore] {
        locked { state in
            (Array(state.made.values) + state.ended.map(\.store)).filter {
                $0.mount.id != mount.id && $0.mount.root == mount.root && $0.journal != nil
            }
        }
    }

    // MARK: Ending

    /// Takes over what the table says: stores whose mount has ended are finished and let go.
    private func follow() {
        let mounted = table.stores.mounted
        let ids = Set(mounted.map(\.id))
        let awaited = awaited(of: mounted)
        let gone = locked { state -> [MountedStore] in
            let gone = state.made.values.filter { !ids.contains($0.mount.id) }
            for store in gone {
                state.made[store.mount.id] = nil
                if store.journal != nil { Self.retire(store, &state) }
            }
            state.failures = state.failures.filter { ids.contains($0.key) }
            state.awaited = awaited.filter { state.made[$0.key] == nil }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    /// The mounts for which something is left to do.
    private func awaited(of mounted: [StoreMount]) -> [UInt64: StoreMount] {
        guard let unsettled = journals?.unsettled, !unsettled.isEmpty else { return [:] }
        let found = mounted.filter { mount in
            guard mount.link?.keepsJournal == true, !mount.entry.isReadOnly else { return false }
            return unsettled.contains { JournalDirectories.belongs($0, to: mount.entry) }
        }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
    }

    private static func retire(_ store: MountedStore, _ state: inout State) {
        state.lastChore += 1
        state.ended.append((endedChores + state.lastChore, store))
        if state.ended.count > endedMaximum { state.ended.removeFirst() }
    }

    /// Finishes a store whose mount has ended; lets it go if nothing is left and no open file has it.
    private func end(_ chore: UInt64) {
        guard finishEnded(chore) else { return }
        locked { state in
            guard let index = state.ended.firstIndex(where: { $0.chore == chore }) else { return }
            if isKnownUniquelyReferenced(&state.ended[index].store) { state.ended.remove(at: index) }
        }
    }

    /// - Returns: Whether nothing is left to do.
    private func finishEnded(_ chore: UInt64) -> Bool {
        guard let store = locked({ $0.ended.first { $0.chore == chore }?.store }) else { return false }
        do throws(StoreError) {
            try store.finish()
        } catch {
            logger.debug(
                "a store whose mount has ended can't be finished yet",
                metadata: ["mount": "\(store.mount.entry.path)", "reason": "\(error)"]
            )
        }
        store.housekeep()
        return store.journal?.isSettled != false
    }

    /// Names, once, what was left for mounts that are not there or may not be written to.
    private func reportOrphans() {
        guard let journals, locked({ !$0.hasReported }) else { return }
        locked { $0.hasReported = true }
        let entries = table.stores.mounted.map(\.entry).filter { !$0.isReadOnly }
        for (path, mount) in journals.orphans(besides: entries) {
            logger.warning(
                "changes are kept for a mount that is not there or is read-only",
                metadata: ["mount": "\(mount)", "journal": "\(path)"]
            )
        }
    }

    private func locked<Result>(_ body: (inout State) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&state)
    }
}
