package import Cluster
import Metadata
package import Pages

/// One store of the mount table.
package struct StoreMount: Sendable {
    /// A number that no other store of this process has; a store with other options is another store.
    package let id: UInt64
    /// What is mounted where.
    package let entry: MountEntry
    /// The address of its root as its files' addresses begin, without a slash at its end.
    package let root: UFSURI
    /// The store, or why there is none.
    package let outcome: Result<StoreLink, Failure>

    init(id: UInt64, entry: MountEntry, outcome: Result<StoreLink, Failure>) {
        self.id = id
        self.entry = entry
        self.outcome = outcome
        root = (try? outcome.get()).map { $0.source.uri(of: .root) } ?? UFSURI(entry.ufs)
    }

    /// The store; nil if it can't be used.
    package var link: StoreLink? { try? outcome.get() }

    /// The store.
    /// - Throws: ``StoreError/unavailable(_:)`` with the mount and the reason, if it can't be used.
    package func usable() throws(StoreError) -> StoreLink {
        switch outcome {
        case .success(let link): return link
        case .failure(let failure):
            throw .unavailable("\(entry.path) (\(entry.ufs)) can't be used: \(failure.message)")
        }
    }

    /// Whether an address is that of the store's root or lies below it.
    /// - Parameter uri: Of a file.
    /// - Returns: Whether the file is this store's.
    package func holds(_ uri: UFSURI) -> Bool {
        let (bytes, root) = (uri.bytes, root.bytes)
        guard bytes.starts(with: root) else { return false }
        let slash = UInt8(ascii: "/")
        return bytes.count == root.count || root.last == slash || bytes[root.count] == slash
    }
}

/// The stores of a mount table at one moment.
///
/// An immutable value once it is given out; any thread may ask it.
package struct StoreMounts: Sendable {
    /// A store whose mount has ended, and when.
    struct Retired: Sendable {
        let store: StoreMount
        /// Nanoseconds of the monotonic clock.
        let since: Int64
    }

    /// The most stores that are kept after their mount has ended.
    static let retiredMaximum = 64

    /// What is mounted, in ascending order of paths.
    package private(set) var mounted: [StoreMount] = []
    /// What was mounted and may still be read from, the latest first.
    private(set) var retired: [Retired] = []
    private var places: [ArraySlice<UInt8>: Int] = [:]

    /// Nothing is mounted.
    package static let none = StoreMounts()

    /// The store that is mounted at a name.
    /// - Parameter name: A directory of the root, as bytes.
    /// - Returns: nil if nothing is mounted there.
    package func mounted(at name: ArraySlice<UInt8>) -> StoreMount? { places[name].map { mounted[$0] } }

    /// The store that holds a file: a mounted one, else one that was.
    /// - Parameter uri: The file's address.
    /// - Returns: nil if there is none.
    package func holder(of uri: UFSURI) -> StoreMount? {
        mounted.first { $0.holds(uri) } ?? retired.first { $0.store.holds(uri) }?.store
    }

    /// The store of an entry that has not changed, usable or not.
    func mount(of entry: MountEntry) -> StoreMount? {
        mounted(at: Array(entry.name.utf8)[...]).flatMap { $0.entry == entry ? $0 : nil }
    }

    /// The names under which another table has another store than this set, or none, or a new one.
    func changedNames(in table: MountTable) -> [String] {
        let new = table.entries.filter { mount(of: $0) == nil }.map(\.name)
        let gone = mounted.map(\.entry.name).filter { table.entry(named: $0) == nil }
        return new + gone
    }

    /// Whether some mounted store can't be used.
    var hasUnusable: Bool { mounted.contains { $0.link == nil } }

    /// Mounts these stores, and retires those that are not among them.
    mutating func replace(with stores: [StoreMount], at now: Int64) {
        let ids = Set(stores.map(\.id))
        let ended = mounted.filter { !ids.contains($0.id) && $0.link != nil }
        retired = Array((ended.map { Retired(store: $0, since: now) } + retired).prefix(Self.retiredMaximum))
        mounted = stores
        places = Dictionary(
            uniqueKeysWithValues: stores.enumerated().map { (Array($1.entry.name.utf8)[...], $0) }
        )
    }

    /// Lets go of stores whose mount has ended.
    mutating func forget(_ ids: Set<UInt64>) {
        retired.removeAll { ids.contains($0.store.id) }
    }
}
