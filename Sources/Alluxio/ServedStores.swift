import Cluster
import Metadata
import Pages
import Servers
import Settings
import Synchronization

/// The mount table as a worker's server wants it, kept up to date.
///
/// Any thread may call it; it answers from memory.
final class ServedStores: MountedStores, SpanSource {
    private let table: StoreTable
    private let feed: MountTableFeed?
    private let served = Mutex<[Servers.MountedStore]>([])
    /// Makes stores to be changed; nil: none is.
    private let changed: ChangedStores?

    /// How long a start waits for the mount table.
    static let patience = Duration.seconds(5)

    /// Reads the mount table, and follows it from now on.
    /// - Throws: A ``Failure`` if it can't be read now.
    init(plan: WorkerPlan, etcd: EtcdClient?) throws(Failure) {
        table = StoreTable(
            settings: plan.settings,
            environment: plan.environment,
            userAgent: "alluxio-worker/\(Version.text)"
        )
        changed = plan.changesStores ? ChangedStores(directory: plan.stagingDirectory) : nil
        if let root = plan.root {
            feed = nil
            do throws(MountTableError) {
                table.take(try MountTable([root]))
            } catch {
                throw Failure("\(error)")
            }
        } else {
            feed = try plan.settings.mountTableFeed(etcd: etcd)
        }
        table.onChange { [weak self] _ in self?.refresh() }
        if let feed { try follow(feed) }
        refresh()
    }

    private func follow(_ feed: MountTableFeed) throws(Failure) {
        do throws(MountTableError) {
            try feed.start()
        } catch {
            throw Failure("\(error)")
        }
        guard feed.waitForFirstTable(atMost: Self.patience) else {
            throw Failure(
                "the mount table was not read within \(PropertyKind.show(Self.patience));"
                    + " check \(Property.etcdEndpoints.key)"
            )
        }
        table.follow(feed)
    }

    private func refresh() {
        let mounted = table.stores.mounted
        changed?.keep(Set(mounted.map(\.id)))
        let stores = mounted.compactMap { mounted in
            mounted.link.map { link in
                Servers.MountedStore(
                    id: mounted.id,
                    path: mounted.entry.path,
                    root: mounted.root,
                    store: link.source,
                    options: mounted.entry.publicOptions,
                    changing: mounted.entry.isReadOnly ? nil : changed?.store(mounted.id, link)
                )
            }
        }
        served.withLock { $0 = stores }
    }

    /// The stores that can be used.
    var mounted: [Servers.MountedStore] { served.withLock { $0 } }

    /// Reads one span of one version from the store that holds it, also while a removed mount is read to its
    /// end.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: ``StoreError/unavailable(_:)`` if no store holds the file, or what the store threw.
    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        guard let store = table.stores.holder(of: version.uri) else {
            throw .unavailable("\(version.uri): its store is no longer mounted")
        }
        try store.usable().source.fetch(span, of: version, into: sink)
    }

    /// Closes what is idle; to be called once a second.
    /// - Parameter isServing: Whether somebody may still read from a store whose mount has ended.
    func housekeep(isServing: Bool) { table.housekeep { _ in isServing } }

    /// Ends the background thread.
    func stop() { feed?.stop(within: .seconds(2)) }
}

extension MountEntry {
    /// The options that anybody may see.
    fileprivate var publicOptions: [(name: String, value: String)] {
        shownOptions.filter { $0.value != Self.mask }.map { (name: $0.key, value: $0.value) }
    }
}
