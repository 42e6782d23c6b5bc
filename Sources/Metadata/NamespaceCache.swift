public import Pages
import Synchronization
import Threading

/// Settings of a ``NamespaceCache``.
public struct NamespaceOptions: Sendable {
    /// For how long an answer of the store is trusted; `.zero`: ask at every open; nil: for ever
    /// (`alluxio.user.file.metadata.sync.interval`).
    public var syncInterval: Duration? = .seconds(1)
    /// The most memory that listings nobody has open may hold, in bytes.
    public var listingBytesMaximum = 128 << 20
    /// The most single lookups, positive and negative, that are kept
    /// (`alluxio.user.metadata.cache.max.size`).
    public var lookupsMaximum = 20_000
    /// The most changes of this mount that are kept for listings begun before them; beyond, the listings go.
    var ownChangesMaximum = NamespaceLimits.ownChangesMaximum

    /// The default settings.
    public init() {}
}

/// An answer of the cache.
public struct NamespaceAnswer: Sendable {
    /// What the name stands for.
    public let attributes: Attributes
    /// For how much longer the answer may be trusted; `.zero` for files in mode 0; nil: for ever.
    public let validFor: Duration?
    /// Whether the store was asked for this one name on behalf of this call (not a listing, not a cached
    /// answer), by a request that was sent after the call began; or nobody knows better than this mount, for
    /// the store does not have the change yet.
    public let isFresh: Bool
}

/// What is known of the store's names, so that the store is asked rarely and never twice at a time.
///
/// Rules in `docs/semantics.md`. Any thread may call it; with `mayWait` false it never asks the store. A
/// thread that needs an answer nobody is fetching asks the store itself; one that needs an answer on its way
/// waits for it. At most one request per name and one per directory page is under way, so there are never
/// more than there are callers.
public final class NamespaceCache: Sendable {
    struct State {
        var listings: [PathKey: HeldListing] = [:]
        var lookups: LookupTable
        var lookupFlights: [PathKey: LookupFlight] = [:]
        var openings: [PathKey: Opening] = [:]
        var walks = WalkTracker()
        /// What this mount did; in doubt it goes before all of the above.
        var own = OwnChanges()
        /// While all listings hold no more than this, looking for one to drop is not worth it.
        var evictionBytes: Int
    }

    /// A listing that the cache keeps.
    struct HeldListing {
        var listing: Listing
        var lastUsed: Int64
    }

    /// A request for one name under way.
    struct LookupFlight {
        let flight: Flight<Attributes>
        let requested: Int64
        /// Whether the path was invalidated meanwhile, so that the answer must not be kept.
        var isVoid = false
    }

    /// A listing whose first page is under way.
    struct Opening {
        let listing: Listing
        let flight: Flight<Void>
        /// Whether the directory was invalidated meanwhile, so that the listing must not be kept.
        var isVoid = false
    }

    let source: any MetadataSource
    let options: NamespaceOptions
    let environment: ListingEnvironment
    let state: Mutex<State>

    var policy: TrustPolicy { environment.policy }
    var metrics: NamespaceMetrics { environment.metrics }

    /// Makes an empty cache.
    /// - Parameters:
    ///   - source: Where the answers come from.
    ///   - options: Trust and limits.
    public convenience init(source: any MetadataSource, options: NamespaceOptions) {
        self.init(source: source, options: options, clock: systemClock)
    }

    init(source: any MetadataSource, options: NamespaceOptions, clock: @escaping MonotonicClock) {
        self.source = source
        self.options = options
        environment = ListingEnvironment(
            source: source,
            policy: TrustPolicy(interval: options.syncInterval),
            clock: clock,
            holdings: ListingHoldings(),
            metrics: NamespaceMetrics()
        )
        state = Mutex(
            State(
                lookups: LookupTable(maximum: options.lookupsMaximum),
                evictionBytes: options.listingBytesMaximum
            )
        )
    }

    /// The address of a path in the under file system.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The full address.
    public func uri(of path: RelativePath) -> UFSURI { source.uri(of: path) }

    /// What a name stands for: from a trusted listing or lookup, else from the store.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: The attributes and how long to trust them.
    /// - Throws: ``StoreError/notFound`` (also from cache), ``StoreError/wouldWait``, or what the store
    ///   threw.
    public func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> NamespaceAnswer {
        guard !path.isRoot else { return rootAnswer }
        let asked = environment.clock()
        let place = Place(path)
        let known: EntryKind?
        switch cached(place, at: asked) {
        case .found(let answer): return answer
        case .absent: throw .notFound
        case .unknown(let hint): known = hint
        }
        guard mayWait else { throw .wouldWait }
        if let answer = try listInstead(of: path, place, asked: asked) { return answer }
        let (attributes, requested) = try ask(
            path,
            place,
            known: known,
            asked: asked,
            acceptsTrusted: true
        )
        let end = policy.trustEnd(of: attributes.kind, requested: requested)
        return NamespaceAnswer(
            attributes: attributes,
            validFor: policy.remaining(until: end, now: environment.clock()),
            isFresh: requested >= asked
        )
    }

    /// What a name stands for, asked of the store now; one flight for all who ask meanwhile.
    ///
    /// A request that was sent before this call is waited for, but does not answer it: what a caller saw fail
    /// before the call cannot be answered by something older. What is pending is not asked of the store.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - known: What it was last known to be.
    /// - Returns: The attributes.
    /// - Throws: ``StoreError/notFound`` or what the store threw.
    public func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        guard !path.isRoot else { return rootAnswer.attributes }
        let place = Place(path)
        if let pending = state.withLock({ $0.own.find(place)?.pending }) { return pending }
        return try ask(
            path,
            place,
            known: known,
            asked: environment.clock(),
            acceptsTrusted: false
        ).attributes
    }

    /// A directory's listing: the trusted one, or a new one whose first page has been read.
    ///
    /// It shows what the store said; ``view(of:mayWait:)`` shows what this mount did, too.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: The listing; stays usable as long as the caller holds it.
    /// - Throws: ``StoreError/notFound``, ``StoreError/wouldWait``, or what the store threw.
    public func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> Listing {
        try open(directory, asked: environment.clock(), mayWait: mayWait)
    }

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: What the store threw.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try source.linkTarget(of: path)
    }

    /// How many names are known: for `.alluxiocli.metadatacache.size`.
    public var entryCount: Int {
        environment.holdings.entries + state.withLock { $0.lookups.count + $0.own.pendingCount }
    }

    /// The root is always there.
    private var rootAnswer: NamespaceAnswer {
        NamespaceAnswer(attributes: Listing.impliedDirectory, validFor: nil, isFresh: false)
    }
}

/// A path as the cache needs it: keys of the path and of its parent, and its last component's bytes.
struct Place {
    let path: PathKey
    let parent: PathKey
    let name: ArraySlice<UInt8>
    let hash: UInt32

    /// - Parameter path: Not the root.
    init(_ path: RelativePath) {
        let name = path.name
        self.name = name
        self.path = PathKey(path)
        parent = PathKey(bytes: path.bytes[..<max(0, name.startIndex - 1)])
        hash = withBytes(of: name, NameHash.hash)
    }
}
