import Metadata
import NIOCore
import NIOHTTP1
import NIOPosix
import Pages
import Synchronization

/// What all ports of a worker share: the stores, what is known of them, and the open versions.
///
/// Any thread may call it.
final class WorkerState: Sendable {
    let options: WorkerOptions
    let directory: any WorkerDirectory
    let pages: any PageSource
    let files: OpenFiles
    let known = KnownFiles()
    let namespaces: Namespaces
    let listings = HeldListings()
    let sorted = SortedListings()
    let pool: NIOThreadPool
    let ports: Ports
    let warming: Warming
    let staging: StagingRoom
    /// Whether the stores' housekeeping is under way.
    private let isTending = Atomic(false)
    private let stores: any MountedStores

    init(
        options: WorkerOptions,
        stores: any MountedStores,
        directory: any WorkerDirectory,
        pages: any PageSource,
        pool: NIOThreadPool,
        ports: Ports
    ) {
        self.options = options
        self.stores = stores
        self.directory = directory
        self.pages = pages
        self.pool = pool
        self.ports = ports
        files = OpenFiles(pages)
        warming = Warming(pages, on: pool, fileBytesMaximum: options.warmedFileBytesMaximum)
        staging = StagingRoom(
            directory: options.stagingDirectory,
            bytesMaximum: options.stagingBytesMaximum
        )
        namespaces = Namespaces(
            syncInterval: options.syncInterval,
            listingBytesMaximum: options.listingBytesMaximum
        )
    }

    /// The ports of this worker, known once it listens.
    final class Ports: Sendable {
        private let ports = Mutex(WorkerServer.Ports(http: 0))

        /// The ports.
        var value: WorkerServer.Ports { ports.withLock { $0 } }

        /// Notes the ports.
        func set(_ value: WorkerServer.Ports) { ports.withLock { $0 = value } }
    }

    /// The mount table.
    var mounted: [MountedStore] { stores.mounted }

    /// What a name stands for, and how old that answer is; nil: unknown, since it is trusted for ever.
    func attributes(
        of location: FileLocation,
        _ age: MetadataAge,
        known: EntryKind? = nil,
        mayWait: Bool
    ) throws(HTTPFailure) -> (attributes: Attributes, age: Duration?) {
        let (cache, interval) = namespaces.cache(of: location.mount, age: age)
        do throws(StoreError) {
            if interval == .zero {
                guard mayWait else { throw .wouldWait }
                return (try cache.revalidate(location.path, known: known), .zero)
            }
            let answer = try cache.attributes(of: location.path, mayWait: mayWait)
            return (answer.attributes, Self.age(validFor: answer.validFor, of: interval))
        } catch {
            throw HTTPFailure(error, location)
        }
    }

    /// Asks the store for a name now.
    func revalidate(_ location: FileLocation, _ age: MetadataAge) throws(HTTPFailure) -> Attributes {
        let (cache, _) = namespaces.cache(of: location.mount, age: age)
        do throws(StoreError) {
            return try cache.revalidate(location.path, known: .file)
        } catch {
            throw HTTPFailure(error, location)
        }
    }

    /// How old an answer is that is trusted for `validFor` more of `interval`.
    static func age(validFor: Duration?, of interval: Duration?) -> Duration? {
        guard let validFor, let interval else { return nil }
        return max(.zero, interval - validFor)
    }

    /// Lets go of what was not used lately.
    ///
    /// Called every half minute.
    func sweep() {
        namespaces.sweep(mounted)
        listings.sweep()
        sorted.sweep()
        files.sweep()
    }

    /// Lets the stores that this worker changes do what is due; on a pool thread, one round at a time.
    ///
    /// Called every second.
    func tendStores() {
        let stores = mounted.compactMap(\.changing)
        guard !stores.isEmpty, !isTending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        pool.submit { [self] state in
            if state == .active { for store in stores { store.housekeep() } }
            isTending.store(false, ordering: .releasing)
        }
    }
}

extension HTTPFailure {
    /// What a store's error means to a client.
    init(_ error: StoreError, _ location: FileLocation) {
        let name = "\(location.uri)"
        switch error {
        case .wouldWait: self = .wouldWait
        case .notFound: self = .refused(.notFound, "\(name) does not exist")
        case .stale: self = .refused(.preconditionFailed, "\(name) has been replaced or removed")
        case .denied(let text): self = .refused(.forbidden, text)
        case .archived(let text): self = .refused(.forbidden, text)
        case .unavailable(let text): self = .refused(.serviceUnavailable, text)
        case .corrupt(let text): self = .refused(.badGateway, text)
        case .unsupported(let text): self = .refused(.badRequest, text)
        case .cancelled: self = .refused(.serviceUnavailable, "\(name): the read was given up; try again")
        case .exists: self = .refused(.conflict, "\(name) exists")
        case .notEmpty: self = .refused(.conflict, "\(name) is not empty")
        case .isDirectory: self = .refused(.conflict, "\(name) is a directory")
        case .notDirectory: self = .refused(.conflict, "\(name) is not a directory")
        case .nameTooLong(let text), .tooLarge(let text): self = .refused(.badRequest, text)
        case .otherStore: self = .refused(.badRequest, "\(name): source and target lie in different stores")
        case .readOnly(let text), .quotaExceeded(let text): self = .refused(.forbidden, text)
        case .noSpace(let text): self = .refused(.insufficientStorage, text)
        case .tooManyLinks(let text): self = .refused(.conflict, text)
        }
    }
}
