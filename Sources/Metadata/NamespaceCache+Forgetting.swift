import CLinux
import CoreMetrics
import Pages
import Synchronization

/// Forgetting: on request, by age, and to stay within the limits.
extension NamespaceCache {
    /// Forgets what is known of a path, of everything below it, and its place in its parent's listing.
    ///
    /// Requests under way are not kept when they arrive, and answer nobody who asks after this call. What
    /// this mount made and the store does not have yet stays.
    /// - Parameter path: A path inside the mount; the root forgets everything.
    public func invalidate(_ path: RelativePath) {
        let key = PathKey(path)
        let parent = path.isRoot ? nil : Place(path).parent
        let dropped = state.withLock { state in
            state.forgetSettled(atOrBelow: path)
            return state.drop(atOrBelow: key, alsoListingOf: parent)
        }
        for listing in dropped { listing.void() }
    }

    /// Forgets what is known of a path and of everything below it, also what this mount made and the store
    /// does not have yet: the path leads to another store now.
    /// - Parameter path: A path inside the mount, not the root.
    public func abandon(_ path: RelativePath) {
        guard !path.isRoot else { return }
        let place = Place(path)
        let dropped = state.withLock { state in
            state.own.update(place) { change in
                change.pending = nil
                change.settled = nil
            }
            let forgotten = state.forget(atOrBelow: place.path)
            return forgotten.dropped + state.drop(atOrBelow: place.path, alsoListingOf: place.parent)
        }
        for listing in dropped { listing.void() }
    }

    /// Drops what is no longer trusted and nobody has open, and gives the memory back to the system.
    ///
    /// Called every few seconds by the daemon's housekeeping. What is no longer trusted is kept for a while
    /// as a hint (of kinds, and of what is worth listing again): a listing for 30 s, a single answer for 10
    /// minutes.
    public func sweep() {
        let now = environment.clock()
        let dropped = state.withLock { state in
            state.walks.sweep(at: now)
            state.lookups.keep { _, lookup in
                let end = policy.trustEnd(of: lookup.attributes?.kind, requested: lookup.requested)
                return now < end.addingSaturated(NamespaceLimits.lookupHintRetention)
            }
            var idle = state.idleListings()
            let firstKept = idle.partition { $0.listing.hintEnd > now }
            for (key, _, _) in idle[..<firstKept] { state.listings[key] = nil }
            for (key, own) in state.own.directories where own.settledCount > 0 {
                state.pruneOwnChanges(in: key)
            }
            return idle[..<firstKept].map(\.listing) + evict(&state, from: Array(idle[firstKept...]))
        }
        drop(dropped)
        metrics.entries.record(entryCount)
        metrics.bytes.record(environment.holdings.bytes)
    }

    private func drop(_ listings: consuming [Listing]) {
        listings.removeAll()
        if environment.holdings.isTrimDue() { _ = alluxio_heap_trim() }
    }

    /// Takes listings out of the cache if all listings together have grown a good deal beyond the maximum.
    /// - Returns: What has been taken out; let it go without holding a lock.
    func evictIfDue(_ state: inout State) -> [Listing] {
        guard environment.holdings.bytes > state.evictionBytes else { return [] }
        return evict(&state, from: state.idleListings())
    }

    /// Takes the listings that were not used for the longest time out of the cache, until those that nobody
    /// has open hold less than seven eighths of the maximum.
    ///
    /// Does nothing if they hold no more than the maximum.
    private func evict(_ state: inout State, from idle: [State.IdleListing]) -> [Listing] {
        let maximum = options.listingBytesMaximum
        var dropped: [Listing] = []
        var idleBytes = idle.reduce(0) { $0 + $1.listing.memoryBytes }
        var heldBytes = environment.holdings.bytes
        if idleBytes > maximum {
            for (key, listing, _) in idle.sorted(by: { $0.lastUsed < $1.lastUsed }) {
                guard idleBytes > maximum / 8 * 7 else { break }
                idleBytes -= listing.memoryBytes
                heldBytes -= listing.memoryBytes
                state.listings[key] = nil
                dropped.append(listing)
            }
            metrics.evictions.increment(by: dropped.count)
        }
        state.evictionBytes = max(maximum, heldBytes + maximum / 16)
        return dropped
    }
}

extension Listing {
    /// What the listing takes, in bytes.
    var memoryBytes: Int { state.withLock { $0.accountedBytes } }
}

extension NamespaceCache.State {
    typealias IdleListing = (key: PathKey, listing: Listing, lastUsed: Int64)

    /// The listings to which nobody but the cache refers.
    ///
    /// Nobody can get one of them while the lock is held.
    mutating func idleListings() -> [IdleListing] {
        var idle: [IdleListing] = []
        var index = listings.values.startIndex
        while index != listings.values.endIndex {
            if isKnownUniquelyReferenced(&listings.values[index].listing) {
                let held = listings.values[index]
                idle.append((listings.keys[index], held.listing, held.lastUsed))
            }
            listings.values.formIndex(after: &index)
        }
        return idle
    }
}
