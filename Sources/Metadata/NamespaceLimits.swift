/// The named limits of listings and of the namespace cache.
///
/// Times are nanoseconds, as ``MonotonicClock`` gives them.
enum NamespaceLimits {
    /// Directories are trusted at least this long: they carry no bytes, and without this each component of a
    /// path would cost a request per open in mode 0.
    static let directoryTrustMinimum: Int64 = second
    /// No entry of a listing is trusted for longer than this (or the sync interval, if that is longer) after
    /// the listing was begun, however often somebody reads on in it.
    static let listingTrustMaximum: Int64 = 60 * second
    /// How long a listing that is no longer trusted is kept as a hint of names and kinds.
    ///
    /// Must be so short that a big listing's memory is back with the system a minute after its trust ended.
    static let listingHintRetention: Int64 = 30 * second
    /// How long a single answer that is no longer trusted is kept as a hint of the kind.
    static let lookupHintRetention: Int64 = 600 * second

    /// How long one caller waits for another caller's request: a little beyond the 60 s after which a store
    /// gives up.
    static let flightWaitMaximum: Duration = .seconds(65)
    /// Pages in a row without a single name, after which a listing is given up.
    static let emptyPagesMaximum = 10_000

    /// Entries that are read ahead of a reader who reads a directory from beginning to end, beside the page
    /// under way.
    static let aheadEntries = 2000
    /// Pages after which a directory counts as big, and a way to read it in several places is looked for.
    static let splitPagesMinimum = 4
    /// Places in which a big directory is read at once; each but the first may cost one request more.
    static let splitPartsMaximum = 8
    /// Questions for a single name that finding those places may cost.
    ///
    /// Together with one request for each
    /// place they stay within the 16 requests that a split directory may cost beyond one per 1000 entries.
    static let splitProbesMaximum = 8
    /// Entries of a split directory that are read ahead of the reader, published or not, beside the pages
    /// under way; some 15 MB.
    static let splitAheadEntries = 128_000

    /// Distinct lookups in an expired listing, for each page it had, after which it is listed again.
    static let refreshLookupsPerPage = 4
    /// The time in which those lookups must fall.
    static let refreshWindow: Int64 = second
    /// Listings of more pages are never listed again because of lookups.
    static let refreshPagesMaximum = 4
    /// Distinct lookups in a directory that was never listed, after which one page of it is tried.
    ///
    /// The most: while nothing is known of the store's directories. The least: when they have proved small;
    /// a single lookup says nothing.
    static let exploreLookupsMaximum = 16
    static let exploreLookupsMinimum = 2
    /// The time in which those lookups must fall.
    static let exploreWindow: Int64 = 10 * second
    /// How long a directory whose first page did not tell everything is left alone.
    static let explorePause: Int64 = 600 * second
    /// Directories whose lookups are counted at a time.
    static let walksMaximum = 1024

    /// Names of one listing that newer single answers contradict, before the whole listing loses its trust.
    static let supersededMaximum = 4096
    /// Changes of this mount that are kept for listings begun before them; some 20 MB.
    static let ownChangesMaximum = 100_000
    /// Bytes freed since the last time, above which the heap is asked to give pages back.
    static let trimBytesMinimum = 4 << 20

    /// One second in nanoseconds.
    static let second: Int64 = 1_000_000_000
}
