import Metadata
import Pages
import Synchronization

/// How old an answer may be that a client accepts.
enum MetadataAge: Hashable, Sendable {
    /// As the worker is set.
    case usual
    /// At most so old; `.zero`: asked of the store now.
    case atMost(Duration)

    /// Reads `Cache-Control: max-age=<seconds>`, where seconds may have a fraction; `no-cache` means 0.
    init(cacheControl text: String?) {
        self = .usual
        for part in (text ?? "").split(separator: ",") {
            let word = part.drop { $0 == " " }
            if word == "no-cache" { self = .atMost(.zero) }
            guard word.hasPrefix("max-age="), let seconds = Double(word.dropFirst(8)), seconds >= 0 else {
                continue
            }
            self = .atMost(.milliseconds(Int64(min(seconds, 1e9) * 1000)))
        }
    }
}

/// The namespace caches of the mounted stores: one for each store and age that clients accept.
///
/// Any thread may call it. A cache trusts answers for one interval, so each interval has a cache of its own;
/// the clients of one cluster use one or two. Beyond a few, a client gets the next stricter one.
final class Namespaces: Sendable {
    private struct Store {
        var caches: [Duration?: NamespaceCache] = [:]
    }

    private let stores = Mutex<[UInt64: Store]>([:])
    private let usual: Duration?
    private let listingBytesMaximum: Int

    init(syncInterval: Duration?, listingBytesMaximum: Int) {
        usual = syncInterval
        self.listingBytesMaximum = listingBytesMaximum
    }

    /// The cache for a store and an age, and the interval for which it trusts answers.
    func cache(of mount: MountedStore, age: MetadataAge) -> (cache: NamespaceCache, interval: Duration?) {
        let wanted = interval(age)
        return stores.withLock { stores in
            var store = stores[mount.id] ?? Store()
            if let cache = store.caches[wanted] { return (cache, wanted) }
            let isFull = store.caches.count >= WorkerLimits.agesMaximum
            let interval = isFull ? Self.stricter(than: wanted, in: store) : wanted
            if let cache = store.caches[interval] { return (cache, interval) }
            var options = NamespaceOptions()
            options.syncInterval = interval
            options.listingBytesMaximum = listingBytesMaximum / WorkerLimits.agesMaximum
            let cache = NamespaceCache(source: mount.store, options: options)
            store.caches[interval] = cache
            stores[mount.id] = store
            return (cache, interval)
        }
    }

    private func interval(_ age: MetadataAge) -> Duration? {
        switch age {
        case .usual: usual
        case .atMost(let age): age
        }
    }

    /// The longest interval there is that is not longer than the wanted one, else zero.
    private static func stricter(than wanted: Duration?, in store: Store) -> Duration? {
        let shorter = store.caches.keys.compactMap(\.self).filter { wanted == nil || $0 <= wanted ?? .zero }
        return shorter.max() ?? .zero
    }

    /// Forgets what is known of a name, of everything below it, and of its directory, whatever the age.
    func forget(_ path: RelativePath, of mount: MountedStore) {
        let caches = stores.withLock { $0[mount.id].map { Array($0.caches.values) } ?? [] }
        for cache in caches { cache.invalidate(path) }
    }

    /// Forgets stores that are no longer mounted, and what is no longer trusted.
    func sweep(_ mounts: [MountedStore]) {
        let ids = Set(mounts.map(\.id))
        let (kept, dropped) = stores.withLock { stores in
            let dropped = stores.filter { !ids.contains($0.key) }
            for id in dropped.keys { stores[id] = nil }
            return (stores.values.flatMap(\.caches.values), dropped)
        }
        withExtendedLifetime(dropped) {}
        for cache in kept { cache.sweep() }
    }
}
