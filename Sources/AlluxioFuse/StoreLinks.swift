import Metadata
import Pages
import Settings

/// Links that are put before each store: the workers of a cluster, or none.
///
/// Both are called for each question, so what they make must cost nothing to make.
struct StoreLinks: Sendable {
    /// Puts links before a store's names.
    var names: @Sendable (any MetadataSource) -> any MetadataSource
    /// Puts links before a store's bytes.
    var bytes: @Sendable (any MetadataSource & SpanSource) -> any SpanSource

    /// Puts links before a store that is changed; what they hold is made once for each store.
    var changes: @Sendable (any WritableStore & SpanSource) -> any WritableStore & SpanSource = { $0 }

    /// No links: each store is asked itself.
    static let none = StoreLinks(names: { $0 }, bytes: { $0 })
}

/// One store behind its links.
struct LinkedStore: MetadataSource, SpanSource {
    private let names: any MetadataSource
    private let bytes: any SpanSource

    /// Puts links before a store.
    init(_ store: any MetadataSource & SpanSource, _ links: StoreLinks) {
        names = links.names(store)
        bytes = links.bytes(store)
    }

    func uri(of path: RelativePath) -> UFSURI { names.uri(of: path) }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try names.attributes(of: path, known: known)
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try names.list(directory, from: token, into: sink)
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try names.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try names.linkTarget(of: path) }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        try bytes.fetch(span, of: version, into: sink)
    }
}
