import Cluster
import Logging
import PageCache
import Pages
import Servers
import Settings
import Telemetry

/// The chain of parts of a worker, put together: server → page caches → stores.
///
/// Owned by ``WorkerProcess``; any thread may call it.
final class WorkerParts: Sendable {
    /// Who the worker is.
    let identity: WorkerIdentity
    private let plan: WorkerPlan
    private let etcd: EtcdClient?
    private let stores: ServedStores
    private let caches: WorkerCaches
    private let membership: Membership?
    private let threads: ServerThreads
    private let server: WorkerServer

    /// Makes every part; listens at nothing yet.
    /// - Parameters:
    ///   - plan: What is wanted.
    ///   - registry: What `/metrics` shows.
    /// - Throws: A ``Failure`` that names the part and the remedy.
    init(plan: WorkerPlan, registry: PrometheusRegistry) throws(Failure) {
        self.plan = plan
        // Asked first with a person's patience: a worker that can't reach etcd says so at once.
        if plan.registers { _ = try ClusterAccess(plan.settings).members() }
        let etcd = try plan.settings.etcdClient()
        let identity = try Self.identity(plan)
        let stores = try ServedStores(plan: plan, etcd: etcd)
        let caches = try WorkerCaches(plan: plan, next: stores)
        let membership = try Self.membership(plan, etcd)
        caches.addGauges(to: registry)
        let waiting = plan.settings.number(.workerWaitingThreads) ?? 64
        let threads = ServerThreads(waiting: waiting)
        do throws(ServerError) {
            server = try WorkerServer(
                options: plan.serverOptions { Array(registry.text().utf8) },
                stores: stores,
                directory: Self.directory(membership, own: identity, plan),
                pages: caches.pages,
                threads: threads,
                logger: Logger(label: "worker")
            )
        } catch {
            throw .usage("\(error)")
        }
        (self.etcd, self.identity, self.stores) = (etcd, identity, stores)
        (self.caches, self.membership, self.threads) = (caches, membership, threads)
    }

    /// In a list, a worker is known by its host's name alone.
    private static func identity(_ plan: WorkerPlan) throws(Failure) -> WorkerIdentity {
        let kind = try plan.settings.membershipKind()
        if plan.settings.hasCluster, kind == .list { return WorkerIdentity(hostName: plan.host) }
        return try plan.settings.workerIdentity(environment: plan.environment)
    }

    private static func membership(_ plan: WorkerPlan, _ etcd: EtcdClient?) throws(Failure) -> Membership? {
        guard plan.settings.hasCluster else { return nil }
        let membership = try plan.settings.membership(etcd: etcd)
        do throws(MembershipError) {
            try membership.start()
        } catch {
            throw Failure("\(error)")
        }
        return membership
    }

    private static func directory(
        _ membership: Membership?,
        own: WorkerIdentity,
        _ plan: WorkerPlan
    ) -> any WorkerDirectory {
        guard let membership else { return NoOtherWorkers() }
        return RingDirectory(membership, own: own, blocks: plan.settings.virtualBlocks)
    }

    /// Starts to listen.
    /// - Returns: The ports.
    /// - Throws: A ``Failure`` that names the address.
    func start() throws(Failure) -> WorkerServer.Ports {
        let server = server
        let outcome = Blocking.run(within: .seconds(30)) { () async -> Result<WorkerServer.Ports, Failure> in
            do throws(ServerError) {
                return .success(try await server.start())
            } catch {
                return .failure(Failure("\(error)"))
            }
        }
        guard let outcome else { throw Failure("the worker's ports did not open within 30s") }
        return try outcome.get()
    }

    /// Registers the worker, if it is to be registered.
    /// - Returns: The registration; nil if clients have this worker in a list.
    /// - Throws: A ``Failure`` if etcd refuses, or another worker has this identity.
    func register(_ ports: WorkerServer.Ports) throws(Failure) -> WorkerRegistration? {
        guard plan.registers, let etcd else { return nil }
        let options = try plan.settings.workerRegistration(plan.record(identity, ports))
        let registration = WorkerRegistration(client: etcd, options: options)
        do throws(MembershipError) {
            try registration.start()
        } catch {
            throw Failure("\(error)")
        }
        return registration
    }

    /// What is mounted, for the log.
    var mountCount: Int { stores.mounted.count }

    /// Gives back what is no longer needed.
    ///
    /// To be called once a second, from one thread.
    /// - Parameter round: How often it was called.
    func housekeep(round: Int) {
        caches.housekeep()
        server.tendStores()
        stores.housekeep(isServing: server.connectionCount > 0)
        if round.isMultiple(of: Self.serverRounds) { server.housekeep() }
    }

    private static let serverRounds = 30

    /// Stops listening, lets answers finish, and lets go of everything; what is cached is written down.
    func stop() {
        let (server, threads, limit) = (server, threads, plan.stopTimeout)
        _ = Blocking.run(within: limit + .seconds(5)) { () async -> Bool in
            await server.stop(within: limit)
            return true
        }
        membership?.stop(within: .seconds(2))
        stores.stop()
        caches.close()
        _ = Blocking.run(within: .seconds(5)) { () async -> Bool in
            await threads.stop()
            return true
        }
    }
}
