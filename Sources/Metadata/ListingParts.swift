import Pages

/// Where a page begins.
enum ListingPosition: Hashable, Sendable {
    /// At the directory's first name.
    case beginning
    /// At the first name behind this one.
    case after([UInt8])
    /// Where a page before it ended.
    case token(ListingToken)
}

/// The right and duty to read one page.
struct PageClaim: Sendable {
    /// Of which part.
    let part: Int
    /// From where.
    let position: ListingPosition
    /// Finished by the claimer when the page is there, or failed.
    let flight: Flight<Void>
}

/// A page that was read and is not yet in the listing.
struct ReadPage: Sendable {
    /// Its entries.
    var entries = EntryTable()
    /// Keys that cannot be shown.
    var hidden = 0
    /// When it was requested, by ``MonotonicClock``.
    var requested: Int64
    /// The greatest name; empty if there is none.
    var greatest: [UInt8] = []
    /// Whether it has a name that lies before the place it was asked for.
    var isMisplaced = false
    /// Entries with greater names belong to the next part.
    var limit: [UInt8]?
}

/// The parts in which a directory is read, in the order of their names, and their pages that wait for their
/// turn.
///
/// Pure. There is one part until ``split(at:beyond:)``. Only the first part's pages are taken out; when it
/// has been read and taken out whole, the next part becomes the first. What a part reads beyond its end is
/// left to the next one.
struct ListingParts: Sendable {
    private struct Part: Sendable {
        let number: Int
        /// Greater names belong to the next part; nil: there is none.
        var through: [UInt8]?
        /// Where the next page begins; nil when all pages have been read.
        var position: ListingPosition?
        /// Where the last page began, if names beyond `through` were dropped from it.
        var cutPosition: ListingPosition?
        /// Set by a failure; then only a reader who waits for the part tries again.
        var hasFailed = false
        /// The page under way.
        var flight: Flight<Void>?
        /// Pages that wait.
        var pages: [ReadPage] = []
    }

    private var parts = [Part(number: 0, position: .beginning)]
    private var partsMade = 1
    /// Entries that wait.
    private(set) var waitingEntries = 0
    /// What those take, in bytes.
    private(set) var waitingBytes = 0

    /// Whether there is more than one part.
    var isSplit: Bool { parts.count > 1 }

    /// Whether every page has been read and taken out.
    var isExhausted: Bool { parts.count == 1 && parts[0].position == nil && parts[0].pages.isEmpty }

    /// Whether a page is under way or waits.
    var isReading: Bool { parts.contains { $0.flight != nil || !$0.pages.isEmpty } }

    /// The page of the first part that is under way.
    var firstFlight: Flight<Void>? { parts[0].flight }

    /// How many parts have pages to read, those under way included, and have not failed.
    var openParts: Int { parts.count { $0.position != nil && !$0.hasFailed } }

    // MARK: Reading

    /// Claims the first part's next page, on behalf of somebody who waits for it.
    /// - Returns: nil if it is under way or there is none.
    mutating func claimFirst() -> PageClaim? { claim(0) }

    /// Claims a page that nobody waits for yet: the earliest that can be read now.
    /// - Parameter onlyFirst: Whether other parts than the first are left alone.
    /// - Returns: nil if there is none.
    mutating func claimAhead(onlyFirst: Bool) -> PageClaim? {
        let candidates = onlyFirst ? 0..<1 : parts.indices
        let found = candidates.first {
            parts[$0].flight == nil && parts[$0].position != nil && !parts[$0].hasFailed
        }
        return found.flatMap { claim($0) }
    }

    private mutating func claim(_ index: Int) -> PageClaim? {
        guard parts[index].flight == nil, let position = parts[index].position else { return nil }
        let flight = Flight<Void>()
        parts[index].flight = flight
        parts[index].hasFailed = false
        return PageClaim(part: parts[index].number, position: position, flight: flight)
    }

    /// A claimed page could not be read.
    mutating func failed(_ claim: PageClaim) {
        guard let index = index(of: claim) else { return }
        parts[index].flight = nil
        parts[index].hasFailed = true
    }

    /// A claimed page has been read.
    ///
    /// If it shows that the server does not start where it is told, there are no other parts any more.
    /// - Parameters:
    ///   - page: The page.
    ///   - claim: What it was claimed by.
    ///   - next: Where the next one begins; nil if there is none.
    mutating func arrived(_ page: consuming ReadPage, _ claim: PageClaim, next: ListingToken?) {
        guard let index = index(of: claim) else { return }
        parts[index].flight = nil
        if page.isMisplaced {
            abandonSplit()
            // The first part takes such a page whole: it may have more than was asked for, but not less.
            guard index == 0 else { return }
        }
        parts[index].position = next.map { .token($0) }
        if let through = parts[index].through, through.lexicographicallyPrecedes(page.greatest) {
            page.limit = through
            parts[index].position = nil
            parts[index].cutPosition = claim.position
        }
        waitingEntries += page.entries.count
        waitingBytes += page.entries.memoryBytes
        parts[index].pages.append(page)
    }

    private func index(of claim: PageClaim) -> Int? { parts.firstIndex { $0.number == claim.part } }

    // MARK: Taking out

    /// Takes out the page whose turn it is.
    mutating func takePage() -> ReadPage? {
        while parts[0].pages.isEmpty {
            guard parts[0].position == nil, parts[0].flight == nil, parts.count > 1 else { return nil }
            parts.removeFirst()
        }
        let page = parts[0].pages.removeFirst()
        waitingEntries -= page.entries.count
        waitingBytes -= page.entries.memoryBytes
        return page
    }

    // MARK: Splitting

    /// Splits what has not been read.
    ///
    /// A page that is under way may reach into the new parts; then names come twice, and the listing shows
    /// them once.
    /// - Parameters:
    ///   - names: Where each new part begins, behind that name; in order.
    ///   - greatest: The greatest name read so far; parts that begin before it are not made.
    mutating func split(at names: [[UInt8]], beyond greatest: [UInt8]) {
        guard parts.count == 1, parts[0].position != nil else { return }
        for name in names where greatest.lexicographicallyPrecedes(name) {
            guard parts.count < NamespaceLimits.splitPartsMaximum else { return }
            if case .after(let last)? = parts[parts.count - 1].position {
                guard last.lexicographicallyPrecedes(name) else { continue }
            }
            parts[parts.count - 1].through = name
            parts.append(Part(number: partsMade, position: .after(name)))
            partsMade += 1
        }
    }

    /// Goes back to one part, which reads everything.
    private mutating func abandonSplit() {
        for part in parts.dropFirst() {
            for page in part.pages {
                waitingEntries -= page.entries.count
                waitingBytes -= page.entries.memoryBytes
            }
        }
        parts.removeLast(parts.count - 1)
        parts[0].through = nil
        if let cut = parts[0].cutPosition { parts[0].position = cut }
        parts[0].cutPosition = nil
    }
}
