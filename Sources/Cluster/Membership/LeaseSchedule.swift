/// When a lease is renewed and when a new one is needed; a plain value without I/O.
struct LeaseSchedule {
    /// What is to be done now.
    enum Step: Hashable {
        /// Nothing yet.
        case none
        /// The lease is to be kept alive.
        case renew(EtcdLease)
        /// The lease is gone: a new one is to be got, and the key written again.
        case grant
    }

    private var lease: EtcdLease?
    private var renewed: ContinuousClock.Instant
    private let checkInterval: Duration

    /// Begins with a lease that was just granted.
    init(_ lease: EtcdLease, at now: ContinuousClock.Instant, checkInterval: Duration) {
        self.lease = lease
        renewed = now
        self.checkInterval = checkInterval
    }

    /// The lease that is held, as far as is known.
    var held: EtcdLease? { lease }

    /// The time between two looks: the check interval, but never more than a third of the lease's time.
    var interval: Duration {
        min(checkInterval, (lease?.timeToLive ?? checkInterval) / 3)
    }

    /// What is due.
    mutating func step(at now: ContinuousClock.Instant) -> Step {
        guard let lease else { return .grant }
        let age = renewed.duration(to: now)
        // Etcd deletes the key by then, whatever is heard of it.
        guard age < lease.timeToLive else {
            self.lease = nil
            return .grant
        }
        // The interval before the third counts too, so that no look comes just too late.
        return age >= lease.timeToLive / 3 - interval ? .renew(lease) : .none
    }

    /// Notes that the lease lives for its whole time again.
    mutating func wasRenewed(at now: ContinuousClock.Instant) { renewed = now }

    /// Notes that etcd does not know the lease any more.
    mutating func wasLost() { lease = nil }

    /// Notes a new lease under which the key was written.
    mutating func wasGranted(_ lease: EtcdLease, at now: ContinuousClock.Instant) {
        self.lease = lease
        renewed = now
    }
}
