public import Logging
import Synchronization

/// Settings of a ``WorkerRegistration``.
public struct WorkerRegistrationOptions: Sendable {
    /// The cluster.
    public var keys: ClusterKeys
    /// What is registered.
    public var record: WorkerRecord
    /// How long after its last sign a worker counts as lost: `alluxio.worker.failure.detection.timeout`;
    /// whole seconds.
    public var timeToLive: Duration = .seconds(120)
    /// How often the lease is looked after.
    public var checkInterval: Duration = .seconds(5)
    /// Whether a registration of the same identity at another address is overwritten:
    /// `alluxio.k8s.env.deployment`, where an address changes with every restart.
    public var overwritesOtherAddress = false
    /// Whether the worker stays a member when it is lost; not in a service registry.
    public var staysRegistered = true

    /// The usual settings.
    /// - Parameters:
    ///   - keys: The cluster.
    ///   - record: What is registered.
    public init(keys: ClusterKeys, record: WorkerRecord) {
        self.keys = keys
        self.record = record
    }
}

/// Makes a worker known in etcd and keeps it so, on a thread of its own.
///
/// Any thread may start and stop it. A worker stays known for its lease's time after its process died.
public final class WorkerRegistration: Sendable {
    private struct State {
        var thread: BackgroundThread?
        var keeper: LeaseKeeper?
    }

    private let client: EtcdClient
    private let options: WorkerRegistrationOptions
    private let logger: Logger
    private let signal = StopSignal()
    private let state = Mutex(State())

    /// Prepares a registration; nothing is sent yet.
    /// - Parameters:
    ///   - client: The etcd.
    ///   - options: What is registered, and how.
    ///   - logger: Where trouble is told.
    public init(
        client: EtcdClient,
        options: WorkerRegistrationOptions,
        logger: Logger = Logger(label: "registration")
    ) {
        self.client = client
        self.options = options
        self.logger = logger
    }

    deinit { signal.raise() }

    /// Registers the worker and begins to keep its lease alive.
    ///
    /// To be called once, when the worker can serve.
    /// - Throws: ``MembershipError/identityTaken(worker:by:)`` if another worker has this identity;
    ///   ``MembershipError/etcd(_:)`` if etcd does not answer in all tries; ``MembershipError/noThread``.
    public func start() throws(MembershipError) {
        if options.staysRegistered { try client.register(options) }
        let lease = try grant(client)
        let schedule = LeaseSchedule(lease, at: .now, checkInterval: options.checkInterval)
        // The thread holds what it needs, not this object, so that the end of this object ends it.
        let keeper = LeaseKeeper(
            schedule,
            client: client,
            options: options,
            signal: signal,
            logger: logger
        )
        let hasThread = state.withLock { state in
            state.keeper = keeper
            state.thread = BackgroundThread.start("lease", until: signal) { keeper.run() }
            return state.thread != nil
        }
        guard hasThread else { throw .noThread }
        logger.info(
            "the worker is registered",
            metadata: ["worker": "\(options.record.identity)", "lease": "\(lease.timeToLive)"]
        )
    }

    private func grant(_ client: EtcdClient) throws(MembershipError) -> EtcdLease {
        do throws(EtcdError) {
            let lease = try client.grantLease(options.timeToLive)
            try client.put(options.keys.live(options.record.identity), options.record.json, lease: lease)
            return lease
        } catch {
            throw .etcd(error)
        }
    }

    /// Whether the worker holds a lease, as far as is known.
    public var isLive: Bool { state.withLock { $0.keeper }?.lease != nil }

    /// Ends the thread and gives the lease back, so that everybody sees at once that the worker is gone.
    ///
    /// The worker stays a registered member. If etcd does not answer, the lease ends by itself.
    /// - Parameter limit: How long to wait for the thread; giving the lease back takes at most one try at
    ///   each member of etcd more.
    /// - Returns: Whether the lease was given back.
    @discardableResult
    public func stop(within limit: Duration) -> Bool {
        signal.raise()
        let (thread, keeper) = state.withLock { state in
            defer { state.thread = nil }
            return (state.thread, state.keeper)
        }
        guard let thread, thread.stop(within: limit), let lease = keeper?.lease else { return false }
        do throws(EtcdError) {
            try client.bound(to: StopSignal(), oneRound: true).revoke(lease)
            return true
        } catch {
            logger.warning(
                "the lease can't be given back; it ends by itself",
                metadata: ["after": "\(lease.timeToLive)", "error": "\(error)"]
            )
            return false
        }
    }
}
