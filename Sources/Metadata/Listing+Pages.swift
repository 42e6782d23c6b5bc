import CoreMetrics
import Glibc
import Pages
import Synchronization

/// Reading pages, and adding them to the table in their order.
///
/// A page is read by the thread that has claimed it, into a table of its own. Adding is done by one thread at
/// a time: whoever finds that a page has come whose turn it is, and that nobody is adding.
extension Listing {
    enum Claim {
        case ready
        case join(Flight<Void>)
        case read(PageClaim)
    }

    /// Entries that are added under one hold of the lock; a larger page takes several.
    private static let publishedAtOnce = 1024

    /// Decides what a caller who has seen `count` entries must do, and claims the next page for it if need
    /// be.
    func claim(beyond count: Int) -> Claim {
        state.withLock { state in
            if state.table.count > count || state.isComplete { return .ready }
            if let publication = state.publication { return .join(publication) }
            if let page = state.parts.firstFlight { return .join(page) }
            return state.parts.claimFirst().map { .read($0) } ?? .ready
        }
    }

    /// Reads a page that the caller has claimed, and adds what can be added then.
    func read(_ claim: PageClaim) throws(StoreError) {
        do throws(StoreError) {
            let (page, next) = try fetch(claim)
            let publication = state.withLock { state -> Publication? in
                state.parts.arrived(page, claim, next: next)
                account(&state, newEntries: 0)
                return state.publication == nil ? state.beginPublication() : nil
            }
            environment.metrics.pages.increment()
            publish(from: publication)
        } catch {
            state.withLock { $0.parts.failed(claim) }
            claim.flight.finish(.failure(error))
            throw error
        }
        claim.flight.finish(.success(()))
    }

    private func fetch(_ claim: PageClaim) throws(StoreError) -> (ReadPage, next: ListingToken?) {
        var page = ReadPage(requested: environment.clock())
        var unfit = 0
        let sink: EntrySink = { name, attributes in
            if !page.entries.append(name, hash: NameHash.hash(name), attributes) { unfit += 1 }
        }
        let source = environment.source
        let read: ListingPage
        switch claim.position {
        case .beginning: read = try source.list(directory, from: nil, into: sink)
        case .token(let token): read = try source.list(directory, from: token, into: sink)
        case .after(let name):
            read = try source.list(directory, after: name, entriesMaximum: nil, into: sink)
            page.isMisplaced = page.entries.hasEntry(notAfter: name)
        }
        try check(read, at: claim.position, isEmpty: page.entries.count == 0)
        page.hidden = read.hidden + unfit
        page.greatest = page.entries.greatestName(from: 0)
        return (page, read.next)
    }

    /// Refuses what would never end.
    private func check(_ page: ListingPage, at position: ListingPosition, isEmpty: Bool) throws(StoreError) {
        guard let next = page.next else { return }
        if position == .token(next) {
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

    /// Adds a page, and every other one whose turn it is then.
    private func publish(from first: Publication?) {
        var publication = first
        while let current = publication {
            add(current)
            publication = state.withLock { state in
                state.publication = nil
                return state.beginPublication()
            }
            current.flight.finish(.success(()))
        }
    }

    /// Shows the entries of a page to everybody.
    ///
    /// A name that came before is not added again.
    private func add(_ publication: Publication) {
        let page = publication.page
        var table = publication.table
        var index = publication.index
        let first = table.count
        var hidden = page.hidden
        var source = 0
        repeat {
            let stop = min(source + Self.publishedAtOnce, page.entries.count)
            let room = table.count + stop - source
            if room > index.entriesMaximum { index = index.grown(for: room, of: table) }
            state.withLock { state in
                state.index = index
                let before = table.count
                while source < stop {
                    state.admit(source, of: page, to: &table, hidden: &hidden)
                    source += 1
                }
                state.table = table
                if source == page.entries.count {
                    state.isComplete = state.parts.isExhausted
                    state.hiddenCount += hidden
                    state.trust.pageArrived(first: first, requested: page.requested)
                }
                account(&state, newEntries: table.count - before)
            }
        } while source < page.entries.count
        if hidden > 0 { environment.metrics.hidden.increment(by: hidden) }
    }
}

/// A page whose turn it is, and what it is added to.
struct Publication: Sendable {
    let page: ReadPage
    let table: EntryTable
    let index: NameIndex
    let flight: Flight<Void>
}

extension Listing.State {
    /// Takes out the page whose turn it is, if there is one; the caller must add it.
    ///
    /// Called while no page is being added.
    mutating func beginPublication() -> Publication? {
        guard let page = parts.takePage() else {
            isComplete = parts.isExhausted
            return nil
        }
        let flight = Flight<Void>()
        publication = flight
        return Publication(page: page, table: table, index: index, flight: flight)
    }

    /// Adds an entry of a page to the table and to the index, unless its name is known or belongs to another
    /// page.
    ///
    /// An object and a prefix of one name are a directory, and one is hidden.
    mutating func admit(_ source: Int, of page: ReadPage, to table: inout EntryTable, hidden: inout Int) {
        let name = page.entries.name(at: source)
        if let limit = page.limit, limit.lexicographicallyPrecedes(name) { return }
        let hash = page.entries.hash(at: source)
        guard let known = index.find(name, hash: hash, in: table) else {
            guard table.append(source, of: page.entries) else { return hidden += 1 }
            return index.insert(table.count - 1, hash: hash)
        }
        let wasDirectory = table.kind(at: known) == .directory || promoted.contains(known)
        let isDirectory = page.entries.kind(at: source) == .directory
        if isDirectory != wasDirectory { hidden += 1 }
        if isDirectory, !wasDirectory { promoted.insert(known) }
    }
}

extension EntryTable {
    /// The greatest name from an entry on, by its bytes; empty if there is none.
    func greatestName(from first: Int) -> [UInt8] {
        guard first < count else { return [] }
        var greatest = name(at: first)
        for index in (first + 1)..<max(first + 1, count) {
            let name = name(at: index)
            if Self.isInOrder(greatest, name) { greatest = name }
        }
        return Array(greatest)
    }

    /// Whether a name comes before another or is the same; every name of every page passes here.
    private static func isInOrder(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard let first = one.baseAddress, let second = other.baseAddress else { return one.isEmpty }
        let order = memcmp(first, second, min(one.count, other.count))
        return order == 0 ? one.count <= other.count : order < 0
    }

    /// Whether an entry lies before a name or is it, wherever the store puts directories.
    func hasEntry(notAfter bound: [UInt8]) -> Bool {
        (0..<count).contains { index in
            let name = name(at: index)
            guard !bound.lexicographicallyPrecedes(name) else { return false }
            guard kind(at: index) == .directory else { return true }
            return !bound.lexicographicallyPrecedes(Array(name) + [UInt8(ascii: "/")])
        }
    }
}
