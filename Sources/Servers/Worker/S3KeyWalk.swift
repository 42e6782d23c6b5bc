import Metadata
import Pages

/// Lists the keys of a mounted store in S3's order, from a marker on.
///
/// Used on one thread, for one request. Goes down the directories; each is listed completely, through the
/// worker's namespace cache.
struct S3KeyWalk {
    /// One line of the result.
    enum Item: Equatable {
        /// An object.
        case object(key: [UInt8], Attributes)
        /// What all keys with this beginning are folded into.
        case prefix([UInt8])

        /// The key or prefix.
        var key: [UInt8] {
            switch self {
            case .object(let key, _), .prefix(let key): key
            }
        }
    }

    let state: WorkerState
    let mount: MountedStore
    /// What all keys must begin with.
    let prefix: [UInt8]
    /// Whether a directory is one line, as with the delimiter `/`.
    let isFolded: Bool
    /// Keys up to and with this one are left out.
    let marker: [UInt8]
    let itemsMaximum: Int

    private(set) var items: [Item] = []
    /// Whether there is more behind the last item.
    private(set) var isTruncated = false

    init(
        _ state: WorkerState,
        _ mount: MountedStore,
        prefix: [UInt8],
        isFolded: Bool,
        marker: [UInt8],
        itemsMaximum: Int
    ) {
        self.state = state
        self.mount = mount
        self.prefix = prefix
        self.isFolded = isFolded
        self.marker = marker
        self.itemsMaximum = itemsMaximum
    }

    /// Collects the items.
    /// - Throws: What the store threw.
    mutating func run() throws(HTTPFailure) {
        guard itemsMaximum > 0 else { return }
        let slash = UInt8(ascii: "/")
        let directory = prefix.lastIndex(of: slash).map { Array(prefix[...$0]) } ?? []
        // No name of ours has an empty, '.' or '..' component.
        let parts = directory.dropLast().split(separator: slash, omittingEmptySubsequences: false)
        let awkward: [[UInt8]] = [[], Array(".".utf8), Array("..".utf8)]
        guard directory.isEmpty || !parts.contains(where: { awkward.contains(Array($0)) }) else { return }
        _ = try walk(directory)
    }

    /// - Parameter directory: A key that ends in a slash, or nothing.
    /// - Returns: Whether to go on.
    /// - Throws: What the store threw.
    private mutating func walk(_ directory: [UInt8]) throws(HTTPFailure) -> Bool {
        guard let entries = try list(directory) else { return true }
        let name = prefix.count > directory.count ? Array(prefix[directory.count...]) : []
        var place = entries.firstPlace(from: max(name, below(directory)))
        while place < entries.count {
            let (key, attributes) = entries.entry(at: place)
            place += 1
            guard key.starts(with: name) else { return true }
            guard try take(directory + key, attributes) else { return false }
        }
        return true
    }

    /// Where the marker points to in a directory; empty if the whole directory is behind it.
    private func below(_ directory: [UInt8]) -> [UInt8] {
        guard marker.starts(with: directory) else { return [] }
        let rest = marker[directory.count...]
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return Array(rest) }
        return Array(rest[...slash])
    }

    private mutating func take(_ key: [UInt8], _ attributes: Attributes) throws(HTTPFailure) -> Bool {
        let isDirectory = attributes.kind == .directory
        if isDirectory, !isFolded {
            if key.lexicographicallyPrecedes(marker), !marker.starts(with: key) { return true }
            return try walk(key)
        }
        guard isDirectory || attributes.kind == .file else { return true }
        if key == marker || key.lexicographicallyPrecedes(marker) { return true }
        if isDirectory, marker.starts(with: key) { return true }
        guard items.count < itemsMaximum else {
            isTruncated = true
            return false
        }
        items.append(isDirectory ? .prefix(key) : .object(key: key, attributes))
        return true
    }

    private func list(_ directory: [UInt8]) throws(HTTPFailure) -> SortedListing? {
        let path = RelativePath(bytes: Array(directory.dropLast()))
        let cache = state.namespaces.cache(of: mount, age: .usual).cache
        do throws(StoreError) {
            let listing = try cache.listing(of: path, mayWait: true)
            while !listing.isComplete { try listing.fill(beyond: listing.count) }
            return state.sorted.sorted(listing)
        } catch .notFound {
            return nil
        } catch {
            throw HTTPFailure(error, FileLocation(mount, path))
        }
    }

    private func max(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        left.lexicographicallyPrecedes(right) ? right : left
    }
}
