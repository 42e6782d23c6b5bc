public import Pages

/// Settings of a ``NamespaceCache``.
public struct NamespaceOptions: Sendable {
    /// For how long an answer of the store is trusted; `.zero`: ask at every open; nil: for ever
    /// (`alluxio.user.file.metadata.sync.interval`).
    public var syncInterval: Duration? = .seconds(1)
    /// The most memory that listings nobody has open may hold, in bytes.
    public var listingBytesMaximum = 128 << 20
    /// The most single lookups, positive and negative, that are kept (`alluxio.user.metadata.cache.max.size`).
    public var lookupsMaximum = 20_000

    /// The default settings.
    public init() {}
}

/// An answer of the cache.
public struct NamespaceAnswer: Sendable {
    /// What the name stands for.
    public let attributes: Attributes
    /// For how much longer the answer may be trusted; `.zero` in mode 0; nil: for ever.
    public let validFor: Duration?
    /// Whether the store was asked for this one name on behalf of this call (not a listing, not a cached answer).
    public let isFresh: Bool
}

/// What is known of the store's names, so that the store is asked rarely and never twice at a time.
///
/// Rules in `docs/semantics.md`. Any thread may call it; with `mayWait` false it never asks the store.
public final class NamespaceCache: Sendable {
    private let source: any MetadataSource

    /// Makes an empty cache.
    /// - Parameters:
    ///   - source: Where the answers come from.
    ///   - options: Trust and limits.
    public init(source: any MetadataSource, options: NamespaceOptions) {
        self.source = source
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
    /// - Throws: ``StoreError/notFound`` (also from cache), ``StoreError/wouldWait``, or what the store threw.
    public func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> NamespaceAnswer {
        preconditionFailure("to be written")
    }

    /// What a name stands for, asked of the store now; one flight for all who ask meanwhile.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - known: What it was last known to be.
    /// - Returns: The attributes.
    /// - Throws: ``StoreError/notFound`` or what the store threw.
    public func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        preconditionFailure("to be written")
    }

    /// A directory's listing: the trusted one, or a new one whose first page has been read.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: The listing; stays usable as long as the caller holds it.
    /// - Throws: ``StoreError/notFound``, ``StoreError/wouldWait``, or what the store threw.
    public func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> Listing {
        preconditionFailure("to be written")
    }

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: What the store threw.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try source.linkTarget(of: path)
    }

    /// Forgets what is known of a path, of everything below it, and its place in its parent's listing.
    /// - Parameter path: A path inside the mount; the root forgets everything.
    public func invalidate(_ path: RelativePath) { preconditionFailure("to be written") }

    /// Drops what is no longer trusted and nobody has open, and gives the memory back to the system.
    ///
    /// Called every few seconds by the daemon's housekeeping.
    public func sweep() { preconditionFailure("to be written") }

    /// How many names are known: for `.alluxiocli.metadatacache.size`.
    public var entryCount: Int { preconditionFailure("to be written") }
}
