/// How far one listing may be believed.
///
/// Pure; times are those of ``MonotonicClock``.
struct ListingTrust: Sendable {
    /// When the first page was requested.
    let begun: Int64
    /// Set once: the listing has been forgotten and is never trusted again.
    private(set) var isVoid = false
    /// Whether a newer answer is known for some name, so that a new reader deserves a new listing.
    private(set) var isOutdated = false
    /// For each page that arrived: its first entry, and when it was requested.
    private var pages: [(first: Int, requested: Int64)] = []
    /// When the latest page was requested; pages of a split directory do not come in that order.
    private var latest = Int64.min
    private var touched = Int64.min
    private var superseded: Set<UInt32> = []

    init(begun: Int64) {
        self.begun = begun
    }

    /// How many pages have arrived.
    var pageCount: Int { pages.count }

    private var lastRequested: Int64 { max(latest, begun) }

    /// A page has arrived.
    mutating func pageArrived(first: Int, requested: Int64) {
        pages.append((first, requested))
        latest = max(latest, requested)
    }

    /// A directory handle went on reading.
    mutating func touch(_ now: Int64) {
        touched = max(touched, now)
    }

    /// Ends all trust.
    mutating func void() {
        isVoid = true
        superseded = []
    }

    /// A newer answer contradicts what the listing says of a name.
    mutating func supersede(_ name: UInt32, isContradiction: Bool) {
        if superseded.count >= NamespaceLimits.supersededMaximum { return void() }
        superseded.insert(name)
        if isContradiction { isOutdated = true }
    }

    /// Whether the listing may still speak for a name, by the name's hash.
    func speaks(for name: UInt32) -> Bool {
        !isVoid && (superseded.isEmpty || !superseded.contains(name))
    }

    /// When the page with an entry was requested.
    func requested(entry index: Int) -> Int64 {
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if pages[middle].first <= index { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? begun : pages[low - 1].requested
    }

    /// Until when the listing is trusted for an entry it has.
    func end(of kind: EntryKind, _ policy: TrustPolicy) -> Int64 {
        policy.trustEnd(of: kind, begun: begun, renewed: max(lastRequested, touched))
    }

    /// Until when it is trusted for names it does not have, and given to new readers.
    ///
    /// Reading on does not prolong this: a slow reader must not hide new files from everybody else.
    func endForAbsence(_ policy: TrustPolicy) -> Int64 {
        policy.trustEnd(of: nil, begun: begun, renewed: lastRequested)
    }

    /// After this, nothing of the listing is trusted, unless it is touched again.
    func end(_ policy: TrustPolicy) -> Int64 {
        isVoid ? .min : end(of: .directory, policy)
    }
}
