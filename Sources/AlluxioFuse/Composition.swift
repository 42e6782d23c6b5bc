import Cluster
import FileSystem
import FuseMount
import Glibc
import Logging
import Metadata
import ObjectStore
import PageCache
import Pages
import Settings
import Synchronization
import Telemetry
import Threading

/// The chain of parts, put together: this file reads like the picture in `docs/architecture.md`.
final class Composition: Sendable {
    private let contents: any MountContents
    private let cluster: ClusterLink?
    private let news: ChangeNews?
    private let store: (any WritableStore)?
    /// The numbers of the stores' chores that are being done.
    private let running = Mutex<Set<UInt64>>([])
    private let pages: PageCache
    private let namespace: NamespaceCache
    private let pool: WaitingPool
    private let fileSystem: FileSystem
    private let session: FuseSession
    /// The session while it is mounted, for the file system, which was made before it.
    private let mounted = SharedSession()
    private let mountPoint: String

    /// Makes every part and asks the store, or the mount table, whether it can be read; mounts nothing.
    ///
    /// What needs no answer is made meanwhile.
    /// - Parameters:
    ///   - plan: What to mount where.
    ///   - registry: What `user.alluxio.stats` shows.
    /// - Throws: A ``Failure`` of the store, else of the cache.
    init(plan: MountPlan, registry: PrometheusRegistry) throws(Failure) {
        let etcd = try plan.settings.etcdClient()
        let contents = try Self.contents(plan, etcd)
        let cluster = plan.settings.hasCluster ? try ClusterLink(plan.settings, etcd: etcd) : nil
        let staging = try plan.staging()
        var options = Self.fileSystemOptions(plan.settings)
        var shown = options.shown(journal: staging?.journalDirectory)
        var links = cluster?.links ?? .none
        let news = staging == nil ? nil : cluster?.news(of: plan.settings)
        if let news {
            shown.onDeleted = { news.deleted($0) }
            links.changes = { TellingStore(next: $0, news: news) }
        }
        let store = try contents.posix(through: links, shown)
        let check = try ConcurrentResult("store-check", contents.prepare)
        let cache = Self.cache(plan.settings, next: store)
        try check.value()
        try cluster?.start()
        pages = try cache.get()
        self.contents = contents
        self.cluster = cluster
        self.news = news
        namespace = NamespaceCache(source: store, options: Self.namespaceOptions(plan.settings))
        pool = WaitingPool(
            threadsMaximum: plan.settings.number(.poolThreads) ?? 128,
            aheadMaximum: plan.settings.number(.aheadThreads) ?? 32,
            queueMaximum: plan.settings.number(.poolQueue) ?? 65_536
        )
        options.bound(by: pages.usage.bytesMaximum)
        let session = self.mounted
        options.dropKernelEntry = { parent, name in session.current?.dropEntry(name, in: parent) }
        options.statisticsText = { Array(registry.text(limitBytes: Self.attributeBytesMaximum).utf8) }
        fileSystem = FileSystem(
            namespace: namespace,
            pages: pages,
            pool: pool,
            options: options,
            writing: plan.writing(store, staging)
        )
        self.store = staging == nil ? nil : store
        self.session = FuseSession(
            operations: fileSystem,
            pool: pool,
            options: plan.sessionOptions,
            logger: Logger(label: "fuse")
        )
        mountPoint = plan.mountPoint
        contents.onChange { [weak fileSystem] names in
            for name in names { fileSystem?.forgetRootEntry(Array(name.utf8)) }
        }
    }

    /// The end of the chain: one store, or those of the mount table.
    private static func contents(
        _ plan: MountPlan,
        _ etcd: EtcdClient?
    ) throws(Failure) -> any MountContents {
        let userAgent = "alluxio-fuse/\(Version.text)"
        switch plan.source {
        case .store(let address):
            return StoreContents(
                store: try StoreLink(
                    address: address,
                    settings: plan.settings,
                    environment: plan.environment,
                    userAgent: userAgent
                )
            )
        case .table:
            return try TableContents(
                settings: plan.settings,
                etcd: etcd,
                environment: plan.environment,
                userAgent: userAgent
            )
        }
    }

    /// The kernel's limit for the value of an extended attribute.
    private static let attributeBytesMaximum = 1 << 16

    /// Mounts; the kernel has agreed when it returns.
    /// - Throws: A ``Failure`` that says what the kernel or fusermount3 refuses.
    func mount() throws(Failure) {
        do {
            try session.mount()
        } catch {
            throw Failure("\(error)")
        }
        mounted.current = session
    }

    /// Serves until the mount is gone, then lets go of everything.
    /// - Throws: A ``Failure`` if the connection broke.
    func serve() throws(Failure) {
        let ending = session.run()
        finishWrites()
        pool.stop(within: Self.stopDeadline)
        mounted.current = nil
        pages.close()
        if case .failed(let reason) = ending {
            throw Failure(
                "the connection to the kernel broke: \(systemText(reason)); mount '\(mountPoint)' again"
            )
        }
    }

    /// Finishes what an earlier daemon of this mount left.
    func recover() { fileSystem.recoverStaged() }

    /// Waits for what closed files still have to store, then for attributes and removals.
    private func finishWrites() {
        guard let store else { return }
        let logger = Logger(label: "daemon")
        let deadline = ContinuousClock.now + Self.writeDeadline
        var isToldOf = false
        while fileSystem.stagedBytes > 0, ContinuousClock.now < deadline {
            if !isToldOf, ContinuousClock.now + Self.writeDeadline > deadline + .seconds(1) {
                logger.notice(
                    "the mount has ended; files are still being stored",
                    metadata: ["bytes": "\(fileSystem.stagedBytes)"]
                )
                isToldOf = true
            }
            sleepThread(for: .milliseconds(20))
        }
        do throws(StoreError) {
            try store.finish()
        } catch {
            logger.error("changes are left to the next mount", metadata: ["reason": "\(error)"])
        }
        news?.finish(within: Self.newsDeadline)
    }

    /// How long the end of the mount waits for workers to be told of the last changes.
    private static let newsDeadline = Duration.seconds(2)

    /// How long the end of the mount waits for files that are being stored; the next mount finishes the rest.
    private static let writeDeadline = Duration.seconds(300)
    /// How long the end of the mount waits for operations under way.
    private static let stopDeadline = Duration.seconds(2)

    /// Ends the mount; ``serve()`` then returns.
    func unmount() {
        session.requestExit()
    }

    /// Ends the mount whatever still runs.
    func detach() {
        try? session.unmount(lazily: true)
    }

    /// Gives back what is no longer needed; to be called once a second.
    func housekeep() {
        pages.housekeep()
        fileSystem.housekeep()
        namespace.sweep()
        housekeepStore()
        contents.housekeep { fileSystem.openAddresses }
        cluster?.housekeep()
    }

    /// Group commits wait for the store, so they run on the pool; those of one store one after the other.
    private func housekeepStore() {
        for chore in store?.chores ?? [] {
            guard running.withLock({ $0.insert(chore.id).inserted }) else { continue }
            let isAccepted = pool.submit(.demand) { [self] in
                chore.run()
                running.withLock { _ = $0.remove(chore.id) }
            }
            if !isAccepted { running.withLock { _ = $0.remove(chore.id) } }
        }
    }

    private static func cache(_ settings: Settings, next: any SpanSource) -> Result<PageCache, Failure> {
        let storage: PageCacheOptions.Storage
        if let directory = settings.cacheDirectory {
            storage = .directory(
                path: directory,
                bytesMaximum: Int64(settings.number(.cacheSize) ?? 512 << 20)
            )
        } else {
            storage = .memory(bytesMaximum: Int64(settings.number(.memoryCacheSize) ?? 128 << 20))
        }
        var options = PageCacheOptions(storage: storage)
        if let total = settings.duration(.totalTimeout) { options.flightWaitMaximum = total + .seconds(5) }
        do {
            return .success(try PageCache(options: options, next: next, logger: Logger(label: "cache")))
        } catch {
            return .failure(Failure("\(error)"))
        }
    }

    private static func namespaceOptions(_ settings: Settings) -> NamespaceOptions {
        var options = NamespaceOptions()
        options.syncInterval = settings.trustInterval
        options.lookupsMaximum = max(1024, settings.number(.metadataCacheSize) ?? 20_000)
        if let bytes = settings.number(.listingCacheSize) { options.listingBytesMaximum = bytes }
        return options
    }

    private static func fileSystemOptions(_ settings: Settings) -> FileSystemOptions {
        var options = FileSystemOptions()
        options.uid = settings.number(.owner).map { UInt32($0) } ?? geteuid()
        options.gid = settings.number(.group).map { UInt32($0) } ?? getegid()
        let mask = settings.number(.mask)
        if let mask = settings.number(.fileMask) ?? mask { options.fileMode = 0o666 & ~UInt32(mask) }
        if let mask = settings.number(.directoryMask) ?? mask {
            options.directoryMode = 0o777 & ~UInt32(mask)
        }
        options.attributeTimeout = settings.duration(.attributeTimeout)
        options.entryTimeout = settings.duration(.entryTimeout)
        if settings.isSet(.negativeTimeout) { options.negativeTimeout = settings.duration(.negativeTimeout) }
        options.syncInterval = settings.trustInterval
        if let bytes = settings.number(.readAheadMaximum) { options.readAheadMaximum = bytes }
        if let count = settings.number(.openFilesMaximum) { options.openFilesMaximum = count }
        options.specialCommands = settings.flag(.specialCommands) ?? false
        return options
    }
}

extension FileSystemOptions {
    /// Cuts the windows to what the cache can hold: what is read ahead and evicted before it is read would be
    /// fetched twice.
    fileprivate mutating func bound(by cacheBytes: Int64) {
        let budget = Int(clamping: cacheBytes / 4 * 3)
        readAheadBudget = min(readAheadBudget, budget)
        readAheadMaximum = min(readAheadMaximum, budget)
    }

    /// What the mount shows where a store says nothing.
    fileprivate func shown(journal: String?) -> AttributedStoreOptions {
        var shown = AttributedStoreOptions()
        shown.fileMode = fileMode
        shown.directoryMode = directoryMode
        shown.uid = uid
        shown.gid = gid
        shown.mountTime = mountTime
        shown.syncInterval = syncInterval
        shown.journalDirectory = journal
        return shown
    }
}

/// Holds the session that the file system speaks to the kernel through; empty unless it is mounted.
private final class SharedSession: Sendable {
    private let session = Mutex<FuseSession?>(nil)

    var current: FuseSession? {
        get { session.withLock { $0 } }
        set { session.withLock { $0 = newValue } }
    }
}

extension MountPlan {
    /// Where changed files lie until the store has them; nil for a mount that is read only.
    /// - Throws: A ``Failure`` that says why nothing can be staged.
    func staging() throws(Failure) -> StagingDirectory? {
        guard settings.flag(.readOnly) != true else { return nil }
        do {
            return try StagingDirectory(
                path: stagingDirectory,
                bytesMaximum: Int64(settings.number(.stagingSize) ?? 16 << 30)
            )
        } catch {
            throw Failure("\(error); mount with '-o ro' to read only")
        }
    }

    /// What changes need; nil if there can be none.
    func writing(_ store: any WritableStore, _ staging: StagingDirectory?) -> WritingParts? {
        guard let staging else { return nil }
        var parts = WritingParts(store: store, staging: staging)
        if settings.text(.durability) == "stage" { parts.durability = .stage }
        switch settings.text(.writeType) {
        case "THROUGH": parts.writeType = .through
        case "ASYNC_THROUGH": parts.writeType = .asyncThrough
        default: break
        }
        return parts
    }

    private var stagingDirectory: String {
        if let directory = settings.text(.stagingDirectory) { return directory }
        if let directory = settings.cacheDirectory { return "\(directory)/staging" }
        // One directory a mount: the same one again after the daemon was killed.
        let name = FNV1a.hash("\(source) \(mountPoint)".utf8)
        return "/var/tmp/alluxio-fuse-\(geteuid())/\(String(name, radix: 16))"
    }

    /// Words of mount(8) that libfuse itself understands; the others are what the kernel does anyway.
    private static let libraryWords: Set<String> = [
        "noatime", "nodiratime", "norelatime", "nostrictatime", "sync", "async", "dirsync",
    ]

    /// What the session is told.
    var sessionOptions: FuseMount.MountOptions {
        let source = settings.text(.sourceName) ?? source.description
        var options = FuseMount.MountOptions(mountpoint: mountPoint, fsname: source)
        options.isReadOnly = settings.flag(.readOnly) ?? false
        options.allowsOthers = settings.flag(.allowOther) ?? false
        options.checksPermissions = settings.flag(.defaultPermissions) ?? true
        options.acceptsNonEmpty = settings.flag(.nonEmpty) ?? false
        options.directIO = settings.flag(.directIO) ?? false
        options.allowsSetUserID = settings.passedOn.contains("suid")
        options.allowsDevices = settings.passedOn.contains("dev")
        options.allowsExecution = !settings.passedOn.contains("noexec")
        if let count = settings.number(.maximumBackground) { options.maxBackground = count }
        if let count = settings.number(.maximumThreads) { options.maxThreads = count }
        if settings.isSet(.maximumIdleThreads) {
            options.maxIdleThreads = settings.number(.maximumIdleThreads)
        }
        if let bytes = settings.number(.maximumRead) { options.maxReadBytes = bytes }
        options.libraryOptions = settings.passedOn.filter(Self.libraryWords.contains)
        if settings.flag(.allowRoot) == true { options.libraryOptions.append("allow_root") }
        return options
    }
}
