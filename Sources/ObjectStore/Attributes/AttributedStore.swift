import Glibc
public import Logging
public import Metadata
public import Pages
import Synchronization
import Threading

/// POSIX on plain objects: what S3 cannot say lies in attribute objects.
///
/// Reads go to `next`, the chain through workers; changes go to the store itself. Design in
/// `docs/writing.md`, format in `docs/design.md`. Any thread may call it; calls run and wait on the caller's
/// thread. At most one request at a time is under way for one directory's attributes.
public final class AttributedStore: MetadataSource, SpanSource, WritableStore {
    struct State {
        var books: [RelativePath: DirectoryBook] = [:]
        var marker = Marker.unknown
        var removals = RemovalQueue()
        /// The number of the last change, as the journal counts.
        var lastNumber: UInt64 = 0
        /// Directories that were emptied as far as this mount knows.
        var listed = ListedNames()
        /// Changes of several objects that are not over.
        var intents: [UInt64: Intent] = [:]
        /// Those of them that a call of this process is carrying out.
        var running: Set<UInt64> = []
        /// When it was last tried to finish those of an earlier process.
        var intentsTried: Int64 = 0
        /// When uploads were looked at last.
        var uploadsChecked: Int64?
    }

    /// Whether the bucket has attribute objects at all: the root has one then.
    enum Marker {
        case unknown
        case absent(checked: Int64)
        case present
    }

    let next: any MetadataSource & SpanSource
    let objects: any ObjectChanges
    let options: AttributedStoreOptions
    let overlay: AttributeOverlay
    let logger: Logger
    let clock: MonotonicClock
    let turns = PathTurns()
    let state = Mutex(State())
    let journal: Journal?
    /// Whether any entry that is known is another name of an object: `uri(of:)` looks at nothing else first.
    let hasLinks = Atomic(false)

    /// Makes a store over a bucket; asks nothing yet, unless an earlier process has left a rename unfinished.
    /// - Parameters:
    ///   - next: What reads go to.
    ///   - store: The bucket, or the prefix, that is changed.
    ///   - options: What the mount shows anyway, journal, limits.
    ///   - logger: Where notices go.
    /// - Throws: ``StoreError/unavailable(_:)`` if the journal cannot be opened.
    public convenience init(
        next: any MetadataSource & SpanSource,
        store: S3Store,
        options: AttributedStoreOptions,
        logger: Logger = Logger(label: "alluxio-fuse.attributes")
    ) throws(StoreError) {
        try self.init(next: next, objects: store, options: options, logger: logger, clock: systemClock)
    }

    init(
        next: any MetadataSource & SpanSource,
        objects: any ObjectChanges,
        options: AttributedStoreOptions,
        logger: Logger,
        clock: @escaping MonotonicClock
    ) throws(StoreError) {
        self.next = next
        self.objects = objects
        self.options = options
        self.logger = logger
        self.clock = clock
        overlay = AttributeOverlay(options: options)
        journal = try options.journalDirectory.map { path throws(StoreError) in try Journal(directory: path) }
        try recover()
    }

    /// Files appear with their first commit.
    public var makesFilesAtOnce: Bool { false }

    /// Reads one span of one version, from the next link.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: What the next link throws.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        try next.fetch(span, of: version, into: sink)
    }
}

extension Duration {
    /// Whole nanoseconds; at most what 64 bits hold.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLong ? .max : whole + attoseconds / 1_000_000_000
    }
}
