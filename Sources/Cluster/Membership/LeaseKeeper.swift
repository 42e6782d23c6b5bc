import CoreMetrics
import Logging
import Synchronization

/// Keeps a worker's lease alive, and gets another one when it was lost.
///
/// Runs on one thread; any thread may ask for the lease.
final class LeaseKeeper: Sendable {
    private let client: EtcdClient
    private let options: WorkerRegistrationOptions
    private let signal: StopSignal
    private let logger: Logger
    private let initial: LeaseSchedule
    private let current: Mutex<EtcdLease?>
    private let leases = Counter(label: "alluxio_fuse_registration_leases_total")
    private let errors = Counter(label: "alluxio_fuse_registration_errors_total")

    /// Prepares to keep a lease that was just granted.
    init(
        _ initial: LeaseSchedule,
        client: EtcdClient,
        options: WorkerRegistrationOptions,
        signal: StopSignal,
        logger: Logger
    ) {
        self.initial = initial
        current = Mutex(initial.held)
        self.client = client.bound(to: signal, oneRound: true)
        self.options = options
        self.signal = signal
        self.logger = logger
    }

    /// The lease that is held, as far as is known.
    var lease: EtcdLease? { current.withLock { $0 } }

    /// Runs until the signal is raised.
    func run() {
        var schedule = initial
        var isTroubled = false
        leases.increment()
        while signal.sleep(schedule.interval) {
            do throws(EtcdError) {
                try look(&schedule)
                if isTroubled { logger.info("the worker is known again") }
                isTroubled = false
            } catch {
                if error == .stopped { break }
                errors.increment()
                if !isTroubled { warn(error) }
                isTroubled = true
            }
            current.withLock { $0 = schedule.held }
        }
    }

    private func look(_ schedule: inout LeaseSchedule) throws(EtcdError) {
        switch schedule.step(at: .now) {
        case .none: break
        case .renew(let lease): try renew(lease, &schedule)
        case .grant: try grant(&schedule)
        }
    }

    private func renew(_ lease: EtcdLease, _ schedule: inout LeaseSchedule) throws(EtcdError) {
        let asked = ContinuousClock.now
        do throws(EtcdError) {
            try client.keepAlive(lease)
        } catch {
            guard error == .leaseGone else { throw error }
            schedule.wasLost()
            try grant(&schedule)
            return
        }
        schedule.wasRenewed(at: asked)
        try restoreKey(lease)
    }

    /// Writes the key again if somebody deleted it.
    ///
    /// If somebody else wrote it, the two would only take it from each other in turns.
    private func restoreKey(_ lease: EtcdLease) throws(EtcdError) {
        let key = options.keys.live(options.record.identity)
        let found = try client.read(.key(key)).entries.first
        if found == nil { try client.put(key, options.record.json, lease: lease) }
        guard let found, found.lease != lease.id else { return }
        logger.error(
            "another process is live with this worker's identity; stop one of the two",
            metadata: ["worker": "\(options.record.identity)"]
        )
    }

    private func grant(_ schedule: inout LeaseSchedule) throws(EtcdError) {
        let asked = ContinuousClock.now
        let lease = try client.grantLease(options.timeToLive)
        try client.put(options.keys.live(options.record.identity), options.record.json, lease: lease)
        schedule.wasGranted(lease, at: asked)
        leases.increment()
        logger.warning("the worker's lease was lost; it has a new one")
    }

    private func warn(_ error: EtcdError) {
        logger.warning(
            "the worker's lease can't be kept alive; without it the worker counts as lost",
            metadata: ["after": "\(options.timeToLive)", "error": "\(error)"]
        )
    }
}
