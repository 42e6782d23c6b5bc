package import Cluster
import CoreMetrics
import Logging
import Synchronization
package import Threading

/// The stores of a mount table, made as the table says and kept as long as somebody reads from them.
///
/// Any thread may call it. Asking for ``stores`` costs one lock and never waits; a new table is taken on the
/// thread that brings it.
package final class StoreTable: Sendable {
    private struct State {
        var stores = StoreMounts.none
        var lastID: UInt64 = 0
        /// When stores that can't be made were last tried again.
        var triedAt: Int64 = 0
        var listeners: [@Sendable ([String]) -> Void] = []
    }

    private let settings: Settings
    private let environment: [String: String]
    private let userAgent: String
    private let logger: Logger
    private let clock: MonotonicClock
    private let state = Mutex(State())
    /// Held while stores are made, so that the latest table is taken last.
    private let taking = Mutex(())
    private let unusable = Gauge(label: "alluxio_fuse_mount_table_unusable_stores")
    private let retired = Gauge(label: "alluxio_fuse_mount_table_retired_stores")

    /// An empty table.
    /// - Parameters:
    ///   - settings: How stores are asked, where the options of a mount say nothing.
    ///   - environment: The variables of the process, for what AWS tools read from them.
    ///   - userAgent: What requests say of the program.
    ///   - clock: The time.
    package init(
        settings: Settings,
        environment: [String: String],
        userAgent: String,
        clock: @escaping MonotonicClock = systemClock
    ) {
        self.settings = settings
        self.environment = environment
        self.userAgent = userAgent
        self.clock = clock
        logger = Logger(label: "stores")
    }

    /// Takes the tables of a feed: the one it has, and every later one.
    /// - Parameter feed: Where tables come from; neither object keeps the other one alive.
    package func follow(_ feed: MountTableFeed) {
        feed.onChange { [weak self, weak feed] _ in
            guard let self, let feed else { return }
            // Not the table that it brings: a later one may have been taken by now.
            take { feed.table }
        }
        take { feed.table }
    }

    /// Takes a table.
    /// - Parameter table: What is mounted from now on.
    package func take(_ table: MountTable) { take { table } }

    /// The stores now.
    package var stores: StoreMounts { state.withLock { $0.stores } }

    /// Asks to be told of changes.
    /// - Parameter body: Gets the names of directories that came, went, or lead to another store now; on the
    ///   thread that brought the table, after ``stores`` has changed.
    package func onChange(_ body: @escaping @Sendable (_ names: [String]) -> Void) {
        state.withLock { $0.listeners.append(body) }
    }

    /// Closes what is idle, tries again to make what could not be made, and lets go of stores that are no
    /// longer mounted nor read from.
    ///
    /// To be called every second or so.
    /// - Parameter isInUse: Whether a file of a store is open; asked of stores that are no longer mounted.
    package func housekeep(isInUse: (StoreMount) -> Bool) {
        let stores = stores
        for store in stores.mounted + stores.retired.map(\.store) { store.link?.housekeep() }
        let now = clock()
        if stores.hasUnusable, isRetryDue(now) { tryAgain(now) }
        let idle = stores.retired.filter { now - $0.since >= Self.retirementMinimum && !isInUse($0.store) }
        guard !idle.isEmpty else { return }
        let ids = Set(idle.map(\.store.id))
        let left = state.withLock { state in
            state.stores.forget(ids)
            return state.stores.retired.count
        }
        retired.record(left)
    }

    /// How long a store stays after its mount has ended, for files that are just being opened, in
    /// nanoseconds.
    static let retirementMinimum: Int64 = 10_000_000_000
    /// How often a store that can't be made is tried again, in nanoseconds.
    static let retryInterval: Int64 = 10_000_000_000

    private func isRetryDue(_ now: Int64) -> Bool {
        state.withLock { state in
            guard now - state.triedAt >= Self.retryInterval else { return false }
            state.triedAt = now
            return true
        }
    }

    /// Makes the stores that could not be made; what fails again stays as it is.
    private func tryAgain(_ now: Int64) {
        taking.withLock { _ in
            let mounted = stores.mounted.map { store in
                guard store.link == nil, let link = try? link(for: store.entry) else { return store }
                return StoreMount(id: newID(), entry: store.entry, outcome: .success(link))
            }
            let names = zip(stores.mounted, mounted).filter { $0.id != $1.id }.map(\.1.entry.name)
            if !names.isEmpty { swap(mounted, changing: names, at: now) }
        }
    }

    private func take(_ table: () -> MountTable) {
        taking.withLock { _ in
            let table = table()
            let before = stores
            let names = before.changedNames(in: table)
            guard !names.isEmpty else { return }
            swap(table.entries.map { before.mount(of: $0) ?? make($0) }, changing: names, at: clock())
        }
    }

    /// Puts these stores in the place of those of before, and tells everybody.
    private func swap(_ mounted: [StoreMount], changing names: [String], at now: Int64) {
        let (after, listeners) = state.withLock { state in
            state.stores.replace(with: mounted, at: now)
            return (state.stores, state.listeners)
        }
        unusable.record(after.mounted.count { $0.link == nil })
        retired.record(after.retired.count)
        logger.notice(
            "the mounted stores have changed",
            metadata: ["changed": "\(names.count)", "mounts": "\(after.mounted.count)"]
        )
        for listener in listeners { listener(names) }
    }

    private func newID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    private func make(_ entry: MountEntry) -> StoreMount {
        do throws(Failure) {
            return StoreMount(id: newID(), entry: entry, outcome: .success(try link(for: entry)))
        } catch {
            logger.warning(
                "a mounted store can't be used; its directory gives errors",
                metadata: ["mount": "\(entry.path)", "ufs": "\(entry.ufs)", "reason": "\(error)"]
            )
            return StoreMount(id: newID(), entry: entry, outcome: .failure(error))
        }
    }

    private func link(for entry: MountEntry) throws(Failure) -> StoreLink {
        let address = try UFSAddress(entry.ufs)
        let own = try settings.overridden(by: entry.options, of: "mount \(entry.path)")
        for notice in own.notices.dropFirst(settings.notices.count) {
            logger.notice("\(notice.message)", metadata: notice.facts.mapValues { "\($0)" })
        }
        return try StoreLink(
            address: address,
            settings: own,
            environment: environment,
            userAgent: userAgent
        )
    }
}
