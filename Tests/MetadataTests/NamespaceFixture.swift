import Pages

@testable import Metadata

/// A cache over a scripted store, with a clock that stands still.
struct NamespaceFixture {
    let store: ScriptedStore
    let clock = ManualClock()
    let cache: NamespaceCache

    init(
        _ interval: Duration? = .seconds(1),
        pageSize: Int = 1000,
        _ change: (inout NamespaceOptions) -> Void = { _ in }
    ) {
        store = ScriptedStore(pageSize: pageSize)
        var options = NamespaceOptions()
        options.syncInterval = interval
        change(&options)
        let clock = clock
        cache = NamespaceCache(source: store, options: options, clock: { clock.now })
    }

    /// A lookup that may ask.
    func look(_ path: String) throws(StoreError) -> NamespaceAnswer {
        try cache.attributes(of: RelativePath(path), mayWait: true)
    }

    /// A lookup that may not ask.
    func glance(_ path: String) throws(StoreError) -> NamespaceAnswer {
        try cache.attributes(of: RelativePath(path), mayWait: false)
    }

    /// A complete listing.
    @discardableResult
    func list(_ path: String) throws(StoreError) -> Listing {
        let listing = try cache.listing(of: RelativePath(path), mayWait: true)
        while !listing.isComplete { try listing.fill(beyond: listing.count) }
        return listing
    }

    /// How many requests the store got since the last call.
    func requests() -> Int { store.takeRequests().count }
}

extension Listing {
    /// All names at hand, in order.
    var names: [String] {
        var names: [String] = []
        forEach(from: 0) { _, name, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names
    }
}
