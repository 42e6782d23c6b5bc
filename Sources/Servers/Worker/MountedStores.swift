public import Metadata
public import Pages

/// One store of the mount table, as a worker serves it.
public struct MountedStore: Sendable {
    /// A number that no other store of this process has; a store with other settings is another store.
    public let id: UInt64
    /// Where it is mounted: a slash and one component, for example `/s3`.
    public let path: String
    /// The address of its root, without a slash at its end, for example `s3://bucket/prefix`.
    public let root: UFSURI
    /// Names, attributes and bytes.
    public let store: any MetadataSource & SpanSource
    /// Its options as far as everybody may see them: no keys, secrets or tokens.
    public let options: [(name: String, value: String)]
    /// The same store as it is changed; nil: this worker changes nothing in it.
    public let changing: (any WritableStore)?

    /// Describes a mounted store.
    /// - Parameters:
    ///   - id: A number that no other store of this process has.
    ///   - path: Where it is mounted: a slash and one component.
    ///   - root: The address of its root, without a slash at its end.
    ///   - store: Names, attributes and bytes.
    ///   - options: Its options without secrets.
    ///   - changing: The same store as it is changed; nil: this worker changes nothing in it.
    public init(
        id: UInt64,
        path: String,
        root: UFSURI,
        store: any MetadataSource & SpanSource,
        options: [(name: String, value: String)] = [],
        changing: (any WritableStore)? = nil
    ) {
        self.id = id
        self.path = path
        self.root = root
        self.store = store
        self.options = options
        self.changing = changing
    }
}

/// The mount table as it is now.
///
/// Any thread may call it; asked at every request, so it must answer from memory.
public protocol MountedStores: Sendable {
    /// The stores, in any order; neither paths nor roots nest.
    var mounted: [MountedStore] { get }
}

/// A mount table that never changes.
public struct FixedStores: MountedStores {
    /// The stores.
    public let mounted: [MountedStore]

    /// Makes a table.
    /// - Parameter mounted: The stores.
    public init(_ mounted: [MountedStore]) {
        self.mounted = mounted
    }
}

/// Sends reads to the mounted store that holds the file: what lies behind a worker's page cache.
public struct StoreRouter: SpanSource {
    private let stores: any MountedStores

    /// Makes a router.
    /// - Parameter stores: The mount table; asked at every read.
    public init(_ stores: any MountedStores) {
        self.stores = stores
    }

    /// Reads one span of one version from its store, streaming.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: ``StoreError/unavailable(_:)`` if no mounted store holds the file, or what the store threw.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        guard let mount = stores.mounted.first(where: { $0.holds(version.uri.bytes) }) else {
            throw .unavailable("\(version.uri): its store is no longer mounted")
        }
        try mount.store.fetch(span, of: version, into: sink)
    }
}

extension MountedStore {
    /// Whether an address is the root or lies below it.
    func holds(_ address: [UInt8]) -> Bool {
        let root = root.bytes
        guard address.starts(with: root) else { return false }
        return address.count == root.count || root.last == UInt8(ascii: "/")
            || address[root.count] == UInt8(ascii: "/")
    }
}
