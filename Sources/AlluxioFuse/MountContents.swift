import Cluster
import Metadata
import ObjectStore
import Pages
import Settings

/// What a mount shows: one store, or all stores of the mount table.
///
/// Any thread may use it.
protocol MountContents: Sendable {
    /// Names and bytes of the whole mount, as POSIX wants them.
    /// - Parameters:
    ///   - links: What is put before each store.
    ///   - shown: What the mount shows where a store says nothing, and where journals lie.
    /// - Returns: The store; it can't be changed without a directory for journals.
    /// - Throws: A ``Failure`` that says why it can't be used.
    func posix(
        through links: StoreLinks,
        _ shown: AttributedStoreOptions
    ) throws(Failure) -> any WritableStore & SpanSource
    /// Makes sure within five seconds or so that there is something to show.
    /// - Throws: A ``Failure`` that names what does not answer.
    func prepare() throws(Failure)
    /// Asks to be told of directories of the root that are not what they were.
    func onChange(_ body: @escaping @Sendable (_ names: [String]) -> Void)
    /// Closes what is idle; to be called every few seconds.
    /// - Parameter openFiles: Gives the files that are open.
    func housekeep(openFiles: () -> [UFSURI])
}

/// One store.
struct StoreContents: MountContents {
    let store: StoreLink

    func posix(
        through links: StoreLinks,
        _ shown: AttributedStoreOptions
    ) throws(Failure) -> any WritableStore & SpanSource {
        links.changes(try store.posix(LinkedStore(store.source, links), shown))
    }

    func prepare() throws(Failure) { try store.check() }

    /// Nothing in the root is a store that could change.
    func onChange(_ body: @escaping @Sendable (_ names: [String]) -> Void) {}

    func housekeep(openFiles: () -> [UFSURI]) { store.housekeep() }
}

/// All stores of the mount table.
struct TableContents: MountContents {
    private let settings: Settings
    private let feed: MountTableFeed
    private let table: StoreTable

    /// Prepares to follow the table; asks nobody yet, but reads a file of mounts.
    /// - Throws: A ``Failure`` that names the setting or the line of the file.
    init(
        settings: Settings,
        etcd: EtcdClient?,
        environment: [String: String],
        userAgent: String
    ) throws(Failure) {
        self.settings = settings
        feed = try settings.mountTableFeed(etcd: etcd)
        table = StoreTable(settings: settings, environment: environment, userAgent: userAgent)
    }

    func posix(
        through links: StoreLinks,
        _ shown: AttributedStoreOptions
    ) throws(Failure) -> any WritableStore & SpanSource {
        MountedNamespace(table: table, links: links, shown: shown)
    }

    func prepare() throws(Failure) {
        try settings.checkMountTable()
        do throws(MountTableError) {
            try feed.start()
        } catch {
            throw Failure(error.description)
        }
        // It has just answered; if it does not do so again, the mount begins empty and fills later.
        _ = feed.waitForFirstTable(atMost: .seconds(1))
        table.follow(feed)
    }

    func onChange(_ body: @escaping @Sendable (_ names: [String]) -> Void) { table.onChange(body) }

    func housekeep(openFiles: () -> [UFSURI]) {
        // Asked for once, and only if it matters.
        var files: [UFSURI]?
        table.housekeep { store in
            let open = files ?? openFiles()
            files = open
            return open.contains { store.holds($0) }
        }
    }
}
