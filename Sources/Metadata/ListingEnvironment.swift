import Synchronization
import Threading

/// What the listings of one cache share.
struct ListingEnvironment: Sendable {
    /// Where pages come from.
    let source: any MetadataSource
    /// How long answers are trusted.
    let policy: TrustPolicy
    /// The time.
    let clock: MonotonicClock
    /// What all listings hold.
    let holdings: ListingHoldings
    /// Where things are counted.
    let metrics: NamespaceMetrics
}

/// What all living listings of one cache hold together, cached or only lent out.
final class ListingHoldings: Sendable {
    private let heldEntries = Atomic<Int>(0)
    private let heldBytes = Atomic<Int>(0)
    private let freedBytes = Atomic<Int>(0)

    /// Entries held.
    var entries: Int { heldEntries.load(ordering: .relaxed) }
    /// Bytes held.
    var bytes: Int { heldBytes.load(ordering: .relaxed) }

    /// A listing has grown.
    func add(entries: Int, bytes: Int) {
        heldEntries.wrappingAdd(entries, ordering: .relaxed)
        heldBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// A listing is gone.
    func remove(entries: Int, bytes: Int) {
        heldEntries.wrappingSubtract(entries, ordering: .relaxed)
        heldBytes.wrappingSubtract(bytes, ordering: .relaxed)
        freedBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// Whether so much has been freed since the last `true` that the heap should be trimmed.
    func isTrimDue() -> Bool {
        guard freedBytes.load(ordering: .relaxed) >= NamespaceLimits.trimBytesMinimum else { return false }
        freedBytes.store(0, ordering: .relaxed)
        return true
    }
}
