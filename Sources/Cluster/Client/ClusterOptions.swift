/// What is done with workers that are not ours: `alluxio.fuse.foreign.workers`.
public enum ForeignWorkers: Hashable, Sendable {
    /// Used as far as what they say of a file agrees with the store.
    case verify
    /// Used if only the length agrees.
    case trust
    /// Not used.
    case off
}

/// Which of the workers of a file is asked first.
public enum ReplicaChoice: Hashable, Sendable {
    /// The first one of the ring: all readers share one copy.
    case preferred
    /// One that depends on the reader: the readers of a hot file spread over its replicas.
    ///
    /// The number is the reader's: the same reader always begins with the same worker.
    case byReader(UInt64)
}

/// Settings of the cluster link; `docs/cluster.md` has the property of each.
public struct ClusterOptions: Sendable {
    /// How many workers a file has, 1...``HashRing/attemptsMaximum``.
    public var replicas = 1
    /// Which of them is asked first.
    public var replicaChoice = ReplicaChoice.preferred
    /// How files are spread over workers.
    public var virtualBlocks = VirtualBlocks.none
    /// What is done with workers that are not ours.
    public var foreignWorkers = ForeignWorkers.verify
    /// Whether what is read is kept on disk by the link above; bytes of foreign workers must not get there,
    /// so these are not used then.
    public var cacheIsPersistent = false
    /// Whether the store is asked when no worker can answer; if not, reading fails.
    public var fallsBackToStore = true
    /// Whether workers are asked for names and attributes.
    public var asksMetadata = true
    /// How old the metadata of a worker may be; zero asks the store each time, negative is for ever.
    public var metadataAge: Duration = .seconds(1)
    /// The shared token of the cluster; nil for none.
    public var token: String?
    /// How long a connection may take to be made: more than 0.
    public var connectTimeout: Duration = .seconds(1)
    /// How long a worker may give no byte before it is asked whether it is alive: more than 0.
    public var patience: Duration = .seconds(1)
    /// How long that question may take: more than 0.
    public var healthTimeout: Duration = .milliseconds(500)
    /// How often a worker that is alive and gives no byte is asked again for the same span.
    public var patienceRoundsMaximum = 8
    /// How long one request may take in all: more than 0.
    public var totalTimeout: Duration = .seconds(30)
    /// A worker that gives fewer bytes in a second, over a second or more, is too slow; 0 for no limit.
    public var bytesPerSecondMinimum = 256 << 10
    /// The most connections to workers that are kept open and idle.
    public var idleConnectionsMaximum = 64
    /// When a worker is left alone.
    public var breaker = BreakerLimits()
    /// When a worker counts as slow.
    public var hedging = HedgeLimits()

    /// The default settings.
    public init() {}
}
