import Metadata
import Pages
import Synchronization

/// Complete listings in the order of S3's keys, for clients that list by key.
///
/// Any thread may call it. Sorting is done once for a listing, not once for each thousand of its keys.
final class SortedListings: Sendable {
    private let table = Mutex(AgedTable<ObjectIdentifier, SortedListing>(maximum: 32))

    /// The entries of a complete listing in order.
    func sorted(_ listing: Listing) -> SortedListing {
        let key = ObjectIdentifier(listing)
        // The table holds the listing, so that its identity is nobody else's while the entry is there.
        if let known = table.withLock({ $0.find(key) }) { return known }
        let fresh = SortedListing(listing)
        let forgotten = table.withLock { $0.insert(fresh, for: key) }
        withExtendedLifetime(forgotten) {}
        return fresh
    }

    /// Lets go of what was not used since the call before.
    func sweep() {
        let forgotten = table.withLock { $0.age() }
        withExtendedLifetime(forgotten) {}
    }
}

/// A complete listing in the order of S3's keys: by bytes, a directory as its name and a slash.
final class SortedListing: Sendable {
    private let listing: Listing
    private let order: [UInt32]

    /// Sorts a listing.
    init(_ listing: Listing) {
        self.listing = listing
        var keys: [(key: [UInt8], index: UInt32)] = []
        keys.reserveCapacity(listing.count)
        listing.forEach(from: 0) { index, name, attributes in
            guard !ReservedNames.contains(name) else { return true }
            keys.append((Self.key(name, attributes), UInt32(index)))
            return true
        }
        keys.sort { $0.key.lexicographicallyPrecedes($1.key) }
        order = keys.map(\.index)
    }

    private static func key(_ name: UnsafeRawBufferPointer, _ attributes: Attributes) -> [UInt8] {
        attributes.kind == .directory ? Array(name) + [UInt8(ascii: "/")] : Array(name)
    }

    /// How many entries there are.
    var count: Int { order.count }

    /// The key, below the directory, and the attributes of an entry.
    /// - Parameter place: Its place in the order; from 0 to ``count`` - 1.
    /// - Returns: The key, a directory's with a slash, and the attributes.
    func entry(at place: Int) -> (key: [UInt8], attributes: Attributes) {
        var found: (key: [UInt8], attributes: Attributes) = (
            [], Attributes(kind: .special, size: 0, modified: 0, etag: nil)
        )
        listing.forEach(from: Int(order[place])) { _, name, attributes in
            found = (Self.key(name, attributes), attributes)
            return false
        }
        return found
    }

    /// The place of the first entry whose key is not before `key`.
    func firstPlace(from key: [UInt8]) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let isBefore = entry(at: middle).key.lexicographicallyPrecedes(key)
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
