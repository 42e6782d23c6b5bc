public import Metadata
public import Pages
import Synchronization
import Threading

/// Which directories this process has shown a right to, with its own credentials, a short while ago.
///
/// Workers read with credentials of their own and take only the cluster's token, so a mount that acts for
/// somebody else asks the store itself first: the first question about a directory, and the first read of a
/// file in it, go to the store and not to a worker. What the store answers shows the right, which counts for
/// ``lifetime``; what it refuses is refused. Any thread may call it.
public final class ProvenRights: Sendable {
    /// How long a right counts after it was shown.
    public static let lifetime = Duration.seconds(60)
    /// The most directories that are remembered; beyond, all are forgotten.
    static let directoriesMaximum = 10_000

    private let lifetimeNanoseconds: Int64
    private let clock: MonotonicClock
    private let names = Mutex<[UFSURI: Int64]>([:])
    private let bytes = Mutex<[UFSURI: Int64]>([:])

    /// Knows of no right yet.
    public convenience init() { self.init(lifetime: Self.lifetime, clock: systemClock) }

    init(lifetime: Duration, clock: @escaping MonotonicClock) {
        let (seconds, attoseconds) = lifetime.components
        lifetimeNanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        self.clock = clock
    }

    /// Puts the question of the right before the names that workers tell.
    /// - Parameters:
    ///   - next: The workers.
    ///   - store: The store itself.
    /// - Returns: Names that are told by `next` only to whom `store` tells names of the same directory.
    public func names(_ next: ClusterMetadata, store: any MetadataSource) -> any MetadataSource {
        RightfulNames(rights: self, next: next, store: store)
    }

    /// Puts the question of the right before the bytes that workers give.
    /// - Parameters:
    ///   - next: The workers.
    ///   - store: The store itself.
    /// - Returns: Bytes that are given by `next` only to whom `store` gives bytes of the same directory.
    public func bytes(_ next: any SpanSource, store: any SpanSource) -> any SpanSource {
        RightfulBytes(rights: self, next: next, store: store)
    }

    /// Whether workers may be asked for names of a directory.
    fileprivate func hasNames(of directory: UFSURI) -> Bool { isShown(directory, in: names) }

    /// Asks the store for names of a directory, which shows the right to them.
    fileprivate func ask<Answer>(
        _ directory: UFSURI,
        _ question: () throws(StoreError) -> Answer
    ) throws(StoreError) -> Answer {
        do throws(StoreError) {
            let answer = try question()
            show(directory, in: names)
            return answer
        } catch {
            // A store tells nobody that a name is missing who may not know the names.
            if error == .notFound { show(directory, in: names) }
            throw error
        }
    }

    fileprivate func fetch(
        _ span: Span,
        of version: FileVersion,
        _ next: any SpanSource,
        _ store: any SpanSource,
        into sink: SpanSink
    ) throws(StoreError) {
        let directory = version.uri.directory
        if isShown(directory, in: bytes) { return try next.fetch(span, of: version, into: sink) }
        try store.fetch(span, of: version, into: sink)
        show(directory, in: bytes)
    }

    private func isShown(_ directory: UFSURI, in rights: borrowing Mutex<[UFSURI: Int64]>) -> Bool {
        let now = clock()
        return rights.withLock { $0[directory].map { now < $0 } ?? false }
    }

    private func show(_ directory: UFSURI, in rights: borrowing Mutex<[UFSURI: Int64]>) {
        let end = clock() + lifetimeNanoseconds
        rights.withLock { rights in
            if rights.count >= Self.directoriesMaximum { rights = [:] }
            rights[directory] = end
        }
    }
}

private struct RightfulNames: MetadataSource {
    let rights: ProvenRights
    let next: ClusterMetadata
    let store: any MetadataSource

    func uri(of path: RelativePath) -> UFSURI { next.uri(of: path) }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        let directory = next.uri(of: path.parent ?? .root)
        if rights.hasNames(of: directory) { return try next.attributes(of: path, known: known) }
        return try rights.ask(directory) { () throws(StoreError) in
            try store.attributes(of: path, known: known)
        }
    }

    /// A listing goes on where it was begun: the workers' link knows whose a token is.
    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let uri = next.uri(of: directory)
        guard token == nil, !rights.hasNames(of: uri) else {
            return try next.list(directory, from: token, into: sink)
        }
        let page = try rights.ask(uri) { () throws(StoreError) in
            try store.list(directory, from: nil, into: sink)
        }
        return ListingPage(next: page.next.map { ClusterToken.store($0).token }, hidden: page.hidden)
    }

    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try next.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try next.linkTarget(of: path) }
}

private struct RightfulBytes: SpanSource {
    let rights: ProvenRights
    let next: any SpanSource
    let store: any SpanSource

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        try rights.fetch(span, of: version, next, store, into: sink)
    }
}
