public import Logging
public import Pages
import Synchronization

/// A cache worker: its HTTP API, and if wanted its S3 API, on top of a page cache.
///
/// The owner makes the parts: a page cache whose next link is a ``StoreRouter`` over the same mount table,
/// and calls its housekeeping. Any thread may call it; start and stop once each.
public final class WorkerServer: Sendable {
    /// The ports that a worker listens at.
    public struct Ports: Hashable, Sendable {
        /// The HTTP API.
        public var http: Int
        /// The HTTP API whose `/v1/node` answers with an array; nil: none.
        public var arrayNode: Int?
        /// The S3 API; nil: none.
        public var s3: Int?
    }

    private let options: WorkerOptions
    private let stores: any MountedStores
    private let directory: any WorkerDirectory
    private let pages: any PageSource
    private let threads: ServerThreads
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    private struct Running {
        var servers: [HTTPServer] = []
        var state: WorkerState
        var peers: PeerReads
    }

    /// Puts a worker together; listens at nothing yet.
    /// - Parameters:
    ///   - options: What is served, and how.
    ///   - stores: The mount table.
    ///   - directory: Who holds which file.
    ///   - pages: The page cache; what it lacks it must get from the same stores.
    ///   - threads: The threads; the caller stops them after the worker.
    ///   - logger: Gets a line when an answer is broken off or another worker fails.
    /// - Throws: ``ServerError/badOption(_:)``.
    public init(
        options: WorkerOptions,
        stores: any MountedStores,
        directory: any WorkerDirectory = NoOtherWorkers(),
        pages: any PageSource,
        threads: ServerThreads,
        logger: Logger = Logger(label: "worker")
    ) throws(ServerError) {
        try options.validate()
        self.options = options
        self.stores = stores
        self.directory = directory
        self.pages = pages
        self.threads = threads
        self.logger = logger
    }

    /// Starts listening.
    /// - Returns: The ports, which matter where an option was 0.
    /// - Throws: ``ServerError/cannotListen(address:reason:)``; then nothing is listened at.
    public func start() async throws(ServerError) -> Ports {
        let ownPorts = WorkerState.Ports()
        let state = WorkerState(
            options: options,
            stores: stores,
            directory: directory,
            pages: pages,
            pool: threads.pool,
            ports: ownPorts
        )
        let peers = PeerReads(token: options.token, logger: logger)
        running.withLock { $0 = Running(state: state, peers: peers) }
        do throws(ServerError) {
            let http = try await listen(options.http.port, WorkerResponder(state: state, nodeIsArray: false))
            var ports = Ports(http: http)
            if let port = options.arrayNodePort {
                ports.arrayNode = try await listen(port, WorkerResponder(state: state, nodeIsArray: true))
            }
            if let port = options.s3Port {
                ports.s3 = try await listen(port, S3Responder(state: state, peers: peers))
            }
            ownPorts.set(ports)
            if options.token == nil, stores.mounted.contains(where: { $0.changing != nil }) {
                logger.warning(
                    "everybody may change the stores: set alluxio.worker.http.auth.token",
                    metadata: ["port": "\(http)"]
                )
            } else if options.token == nil {
                logger.notice("serving everybody: no shared token is set", metadata: ["port": "\(http)"])
            }
            return ports
        } catch {
            await stop(within: .zero)
            throw error
        }
    }

    private func listen(_ port: Int, _ responder: any Responder) async throws(ServerError) -> Int {
        var options = options.http
        options.port = port
        let server = HTTPServer(options: options, responder: responder, threads: threads, logger: logger)
        let port = try await server.start()
        running.withLock { $0?.servers.append(server) }
        return port
    }

    /// How many connections are open on all ports.
    public var connectionCount: Int {
        let servers = running.withLock { $0?.servers ?? [] }
        return servers.reduce(0) { $0 + $1.connectionCount }
    }

    /// Lets go of what was not used lately.
    ///
    /// Call it about every half minute, from one thread.
    public func housekeep() {
        let parts = running.withLock { $0.map { ($0.state, $0.peers) } }
        parts?.0.sweep()
        parts?.1.sweep()
    }

    /// Lets the stores that this worker changes do what is due.
    ///
    /// Call it about every second, from one thread.
    public func tendStores() { running.withLock { $0?.state }?.tendStores() }

    /// Stops listening, lets answers under way finish, and closes what is left.
    /// - Parameter limit: How long answers under way may take.
    public func stop(within limit: Duration) async {
        let servers = running.withLock { running in
            defer { running = nil }
            return running?.servers ?? []
        }
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.stop(within: limit) } }
        }
    }
}
