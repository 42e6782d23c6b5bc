public import Pages
import Synchronization

/// One directory's entries, as one snapshot of the store, filled page by page by whoever reads it.
///
/// Entries keep their index for the life of the listing, so an index serves as a directory cookie. Compact:
/// names in one arena, fixed records, a hash index; under 150 bytes an entry for names and etags of usual
/// length. A big directory is read in several places at once (`docs/decisions/0004-parallel-listing.md`).
///
/// Any thread may call it. It stays usable for whoever holds it, also when the cache has long forgotten it.
public final class Listing: Sendable {
    struct State {
        var table = EntryTable()
        var index = NameIndex(for: 12)
        /// Entries that first came as an object and later as a prefix.
        var promoted: Set<Int> = []
        var parts = ListingParts()
        var split = SplitPlan.possible
        var isComplete = false
        var hiddenCount = 0
        var emptyPages = 0
        /// The page that is being added to the table; one thread at a time does that.
        var publication: Flight<Void>?
        var trust: ListingTrust
        /// This mount has removed all entries before this one.
        var removedBefore = 0
        var accountedBytes = 0
    }

    /// What an entry becomes when the same name is a prefix, too.
    static let impliedDirectory = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
    /// The objects that a listing consists of, beside what its table and index count themselves.
    private static let overheadBytes = 512

    let directory: RelativePath
    let environment: ListingEnvironment
    let state: Mutex<State>

    init(of directory: RelativePath, begun: Int64, in environment: ListingEnvironment) {
        self.directory = directory
        self.environment = environment
        state = Mutex(State(trust: ListingTrust(begun: begun)))
    }

    /// The complete listing of a directory of which it is known that nothing is in it.
    convenience init(emptyOf directory: RelativePath, begun: Int64, in environment: ListingEnvironment) {
        self.init(of: directory, begun: begun, in: environment)
        state.withLock { state in
            state.isComplete = true
            state.trust.pageArrived(first: 0, requested: begun)
            account(&state, newEntries: 0)
        }
    }

    deinit {
        let (entries, bytes) = state.withLock { ($0.table.count, $0.accountedBytes) }
        environment.holdings.remove(entries: entries, bytes: bytes)
    }

    /// How many entries are at hand now.
    public var count: Int { state.withLock { $0.table.count } }

    /// Whether every page has been read.
    public var isComplete: Bool { state.withLock { $0.isComplete } }

    /// How many keys of the directory cannot be shown as names.
    public var hiddenCount: Int { state.withLock { $0.hiddenCount } }

    /// For how much longer the attributes of listed files are trusted; `.zero`: no longer; nil: for ever.
    public var validFor: Duration? {
        let end = state.withLock { $0.trust.isVoid ? .min : $0.trust.end(of: .file, environment.policy) }
        return end == .min ? .zero : environment.policy.remaining(until: end, now: environment.clock())
    }

    /// Runs `body` on entries at hand from an index on, until it returns `false`.
    ///
    /// No lock is held while `body` runs. Entries that arrive meanwhile are not seen by this call.
    /// - Parameters:
    ///   - index: The first entry wanted; not negative; may be past the end.
    ///   - body: Gets index, name (valid during the call only) and attributes; returns `false` to stop.
    /// - Returns: The index of the entry at which `body` stopped, else of the first one not at hand.
    @discardableResult
    public func forEach(
        from index: Int,
        _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool
    ) -> Int {
        let (table, promoted) = state.withLock { ($0.table, $0.promoted) }
        var index = max(0, index)
        while index < table.count {
            let isPromoted = !promoted.isEmpty && promoted.contains(index)
            let attributes = isPromoted ? Self.impliedDirectory : table.attributes(at: index)
            guard body(index, table.name(at: index), attributes) else { return index }
            index += 1
        }
        return index
    }

    /// Finds a name among the entries at hand.
    /// - Parameter name: One component.
    /// - Returns: What the store said of it, or nil if it is not among them.
    public func find(_ name: some Collection<UInt8>) -> Attributes? {
        withBytes(of: name) { bytes in
            let hash = NameHash.hash(bytes)
            return state.withLock { $0.find(bytes, hash: hash)?.attributes }
        }
    }

    /// Says that a directory handle is still reading, which keeps the snapshot trusted for its names.
    public func touch() {
        let now = environment.clock()
        state.withLock { $0.trust.touch(now) }
    }

    /// Waits until there are more than `count` entries or the listing is complete, reading pages on this
    /// thread unless another thread is reading one already.
    /// - Parameter count: How many entries the caller has seen.
    /// - Throws: What the store threw, to every waiter; the next call tries the page again.
    public func fill(beyond count: Int) throws(StoreError) {
        while true {
            switch claim(beyond: count) {
            case .ready:
                return
            case .join(let page):
                try page.wait(atMost: NamespaceLimits.flightWaitMaximum, for: directory)
            case .read(let claim):
                try read(claim)
            }
        }
    }

    /// Adds what this listing now takes to what all listings hold.
    ///
    /// Called with the lock held.
    func account(_ state: inout State, newEntries: Int) {
        let bytes =
            state.table.memoryBytes + state.index.memoryBytes + state.parts.waitingBytes + Self.overheadBytes
        environment.holdings.add(entries: newEntries, bytes: bytes - state.accountedBytes)
        state.accountedBytes = bytes
    }
}

extension Listing.State {
    /// Whether a page is on its way or waits for its turn.
    var isReading: Bool { publication != nil || parts.isReading }

    /// An entry by name: its index and what is said of it.
    func find(_ name: UnsafeRawBufferPointer, hash: UInt32) -> (index: Int, attributes: Attributes)? {
        guard let found = index.find(name, hash: hash, in: table) else { return nil }
        let isPromoted = !promoted.isEmpty && promoted.contains(found)
        return (found, isPromoted ? Listing.impliedDirectory : table.attributes(at: found))
    }
}

/// Runs `body` on the bytes of a name, without a copy where the collection allows it.
func withBytes<Result>(of name: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
{
    if let result = name.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) {
        return result
    }
    return Array(name).withUnsafeBytes(body)
}
