import CoreMetrics
public import Logging
import Synchronization

/// Settings of a ``MountTableFeed``; each has the default that `docs/membership.md` documents.
public struct MountTableFeedOptions: Sendable {
    /// How long one watch of etcd lasts, after which everything is read again.
    public var refreshInterval: Duration = .seconds(120)
    /// The time between reads of a file, and of etcd where watches don't work:
    /// `alluxio.mount.table.etcd.polling.interval.ms`.
    public var pollInterval: Duration = .seconds(2)
    /// Whether changes in etcd are watched.
    public var watches = true

    /// The default settings.
    public init() {}
}

/// The mount table, kept up to date: changes are seen at once while etcd can be watched, else within
/// ``MountTableFeedOptions/pollInterval``.
///
/// Any thread may call it. Tables come from one background thread, which lives from ``start()`` to
/// ``stop(within:)`` or the end of this object. What can't be read or understood leaves the last
/// table in use.
public final class MountTableFeed: Sendable {
    private enum Source: Sendable {
        case etcd(EtcdFeed)
        case file(FileFeed)
    }

    private let holder: TableHolder
    private let source: Source

    /// Follows the table of a cluster in etcd.
    /// - Parameters:
    ///   - client: The etcd.
    ///   - keys: The cluster.
    ///   - options: How changes are followed.
    ///   - logger: Where trouble is told.
    public init(
        client: EtcdClient,
        keys: ClusterKeys,
        options: MountTableFeedOptions = MountTableFeedOptions(),
        logger: Logger = Logger(label: "mount-table")
    ) {
        let holder = TableHolder(logger)
        self.holder = holder
        let settings = EtcdFeed.Settings(
            name: "mount-table",
            keys: [.prefix(keys.mountPrefix)],
            schedule: FeedSchedule.Settings(
                refreshInterval: options.refreshInterval,
                pollInterval: options.pollInterval,
                backoff: Backoff(first: .milliseconds(500), maximum: options.pollInterval),
                watches: options.watches
            )
        )
        let feed = EtcdFeed(
            client: client,
            settings: settings,
            metrics: FeedMetrics.mountTable,
            logger: logger
        ) { entries in
            holder.take(MountDocuments(entries, prefix: keys.mountPrefix))
        }
        source = .etcd(feed)
    }

    /// Follows a table in a file; see ``MountTableFile`` for its form.
    /// - Parameters:
    ///   - file: The file; read at once.
    ///   - options: How changes are followed.
    ///   - logger: Where trouble is told.
    /// - Throws: ``MountTableError/file(_:)`` if the file can't be understood now; later there is
    ///   only a warning.
    public init(
        file: String,
        options: MountTableFeedOptions = MountTableFeedOptions(),
        logger: Logger = Logger(label: "mount-table")
    ) throws(MountTableError) {
        holder = TableHolder(logger)
        let feed = FileFeed(path: file, interval: options.pollInterval, holder: holder, logger: logger)
        source = .file(feed)
        try feed.readFirst()
    }

    deinit { stop(within: .zero) }

    /// Starts to follow changes.
    /// - Throws: ``MountTableError/noThread``.
    public func start() throws(MountTableError) {
        let hasStarted =
            switch source {
            case .etcd(let feed): feed.start()
            case .file(let feed): feed.start()
            }
        guard hasStarted else { throw .noThread }
    }

    /// Ends the background thread; the last table stays.
    /// - Parameter limit: How long to wait for it; it ends within about a second even in a request.
    /// - Returns: Whether it has ended.
    @discardableResult
    public func stop(within limit: Duration) -> Bool {
        switch source {
        case .etcd(let feed): feed.stop(within: limit)
        case .file(let feed): feed.stop(within: limit)
        }
    }

    /// What is mounted, as far as is known now.
    ///
    /// Costs one lock; never waits for the network.
    public var table: MountTable { holder.table }

    /// Waits until the table is known.
    /// - Parameter limit: How long at most.
    /// - Returns: Whether it is; if not, ``table`` is empty.
    public func waitForFirstTable(atMost limit: Duration) -> Bool {
        switch source {
        case .etcd(let feed): feed.waitForFirstRead(atMost: limit)
        case .file: true
        }
    }

    /// Asks to be told of changes.
    /// - Parameter body: Gets every later table, in order, on the background thread; must not wait.
    public func onChange(_ body: @escaping @Sendable (MountTable) -> Void) { holder.add(body) }
}

/// Reads a file of mounts again and again.
final class FileFeed: Sendable {
    private struct State {
        var thread: BackgroundThread?
        var bytes: [UInt8] = []
        var isTroubled = false
    }

    private let path: String
    private let interval: Duration
    private let holder: TableHolder
    private let logger: Logger
    private let signal = StopSignal()
    private let state = Mutex(State())
    private let metrics = FeedMetrics.mountTable

    init(path: String, interval: Duration, holder: TableHolder, logger: Logger) {
        self.path = path
        self.interval = interval
        self.holder = holder
        self.logger = logger
    }

    func readFirst() throws(MountTableError) { try read() }

    func start() -> Bool {
        state.withLock { state in
            guard state.thread == nil else { return true }
            state.thread = BackgroundThread.start("mount-table", until: signal) { self.run() }
            return state.thread != nil
        }
    }

    func stop(within limit: Duration) -> Bool {
        signal.raise()
        return state.withLock { $0.thread }?.stop(within: limit) ?? true
    }

    private func run() {
        while signal.sleep(interval) {
            do throws(MountTableError) {
                try read()
                state.withLock { $0.isTroubled = false }
            } catch {
                hadTrouble(error)
            }
        }
    }

    private func read() throws(MountTableError) {
        let bytes = try MountTableFile.bytes(at: path)
        metrics.hadContact()
        guard state.withLock({ $0.bytes != bytes || $0.isTroubled }) else { return }
        let table = try MountTableFile.parse(bytes, path)
        state.withLock { $0.bytes = bytes }
        metrics.changes.increment()
        holder.take(table)
    }

    /// Warns once, until the file is good again.
    private func hadTrouble(_ error: MountTableError) {
        metrics.errors.increment()
        let isNew = state.withLock { state in
            defer { state.isTroubled = true }
            return !state.isTroubled
        }
        guard isNew else { return }
        logger.warning("the mount table can't be used; the last one stays", metadata: ["error": "\(error)"])
    }
}
