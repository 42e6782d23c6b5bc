import CoreMetrics
import Pages
import Synchronization

/// Reading pages. One thread at a time has claimed the next page; it alone appends and inserts.
extension Listing {
    enum Claim {
        case ready
        case join(Flight<Void>)
        case read(ListingToken?, EntryTable, NameIndex, Flight<Void>)
    }

    /// Entries that are published under one hold of the lock; a larger page takes several.
    private static let publishedAtOnce = 1024

    /// Decides what a caller who has seen `count` entries must do, and claims the next page for it if need
    /// be.
    func claim(beyond count: Int) -> Claim {
        state.withLock { state in
            if state.table.count > count || state.isComplete { return .ready }
            if let page = state.page { return .join(page) }
            let page = Flight<Void>()
            state.page = page
            return .read(state.next, state.table, state.index, page)
        }
    }

    /// Reads the page that the caller has claimed.
    func read(
        from token: ListingToken?,
        table: EntryTable,
        index: NameIndex,
        for flight: Flight<Void>
    ) throws(StoreError) {
        let requested = environment.clock()
        var table = table
        let published = table.count
        var unfit = 0
        do throws(StoreError) {
            let page = try environment.source.list(directory, from: token) { name, attributes in
                if !table.append(name, hash: NameHash.hash(name), attributes) { unfit += 1 }
            }
            try check(page, after: token, isEmpty: table.count == published)
            let hidden = page.hidden + unfit
            publish(
                table,
                from: published,
                index: index,
                next: page.next,
                hidden: hidden,
                requested: requested
            )
        } catch {
            state.withLock { $0.page = nil }
            flight.finish(.failure(error))
            throw error
        }
        environment.metrics.pages.increment()
        flight.finish(.success(()))
    }

    /// Refuses what would never end.
    private func check(_ page: ListingPage, after token: ListingToken?, isEmpty: Bool) throws(StoreError) {
        guard let next = page.next else { return }
        if next == token {
            throw .corrupt(
                "the listing of '\(directory)' goes on where it just began, at token '\(next.text)'"
            )
        }
        let empty = state.withLock { state in
            state.emptyPages = isEmpty ? state.emptyPages + 1 : 0
            return state.emptyPages
        }
        if empty >= NamespaceLimits.emptyPagesMaximum {
            throw .unavailable(
                "\(empty) pages of the listing of '\(directory)' had no name that can be shown"
            )
        }
    }

    /// Shows the new entries of a page to everybody.
    ///
    /// A name that came before is not added again.
    private func publish(
        _ table: EntryTable,
        from first: Int,
        index: NameIndex,
        next: ListingToken?,
        hidden: Int,
        requested: Int64
    ) {
        var source = first
        var target = first
        var index = index
        var repeated = 0
        repeat {
            let stop = min(source + Self.publishedAtOnce, table.count)
            let room = target + stop - source
            if room > index.entriesMaximum { index = index.grown(for: room, of: table.prefix(target)) }
            state.withLock { state in
                state.index = index
                let before = target
                while source < stop {
                    if state.admit(source, as: target, of: table, hidden: &repeated) { target += 1 }
                    source += 1
                }
                state.table = table.prefix(target)
                if source == table.count {
                    state.next = next
                    state.isComplete = next == nil
                    state.hiddenCount += hidden + repeated
                    state.trust.pageArrived(first: first, requested: requested)
                    state.page = nil
                }
                account(&state, newEntries: target - before)
            }
        } while source < table.count
        if hidden + repeated > 0 { environment.metrics.hidden.increment(by: hidden + repeated) }
    }
}

extension Listing.State {
    /// Puts an entry that arrived at `source` to its final place and into the index, unless its name is
    /// known.
    /// - Returns: Whether the entry is new. An object and a prefix of one name are a directory, and one is
    ///   hidden.
    mutating func admit(_ source: Int, as target: Int, of table: EntryTable, hidden: inout Int) -> Bool {
        let hash = table.hash(at: source)
        guard let known = index.find(table.name(at: source), hash: hash, in: table) else {
            table.move(source, to: target)
            index.insert(target, hash: hash)
            return true
        }
        let wasDirectory = table.kind(at: known) == .directory || promoted.contains(known)
        let isDirectory = table.kind(at: source) == .directory
        if isDirectory != wasDirectory { hidden += 1 }
        if isDirectory, !wasDirectory { promoted.insert(known) }
        return false
    }
}
