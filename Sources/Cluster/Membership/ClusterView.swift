/// One worker of a cluster.
public struct ClusterMember: Hashable, Sendable {
    /// Whether a worker answers, as far as is known.
    public enum State: Hashable, Sendable {
        /// It keeps its lease, or it is listed.
        case live
        /// It is registered, but its lease has ended.
        case lost
    }

    /// What it says about itself; a live worker's latest word.
    public var record: WorkerRecord
    /// Whether it answers.
    public var state: State
    /// Whether it stays a member when it is lost.
    public var isRegistered: Bool

    /// Describes a worker.
    /// - Parameters:
    ///   - record: What it says about itself.
    ///   - state: Whether it answers.
    ///   - isRegistered: Whether it stays a member when it is lost.
    public init(record: WorkerRecord, state: State, isRegistered: Bool) {
        self.record = record
        self.state = state
        self.isRegistered = isRegistered
    }

    /// Who it is.
    public var identity: WorkerIdentity { record.identity }
}

/// How the ring is made from the members.
public struct RingSettings: Hashable, Sendable {
    /// How many virtual nodes each worker gets.
    public var provider = VirtualNodeProvider.equal
    /// The configured number of virtual nodes.
    public var virtualNodes = HashRing.virtualNodesDefault
    /// Whether only live workers are on the ring (dynamic), or all registered ones (static).
    public var isDynamic = true

    /// The default settings.
    public init() {}
}

/// The workers of a cluster and their ring at one moment.
///
/// An immutable value; any thread may ask it.
public struct ClusterView: Sendable {
    /// 0 while nothing is known; one more with each change of any member.
    public let generation: UInt64
    /// One more with each change of the ring.
    public let ringGeneration: UInt64
    /// Every worker, in ascending order of names in etcd.
    public let members: [ClusterMember]
    /// Where files belong; without members until something is known.
    public let ring: HashRing
    /// Why the ring could not follow the members, and is an older one; nil if it did.
    public let ringProblem: RingSettingError?

    private let places: [WorkerIdentity: Int]

    /// A view of which nothing is known.
    public static let unknown = ClusterView()

    private init() {
        generation = 0
        ringGeneration = 0
        members = []
        ring = HashRing(members: [])
        ringProblem = nil
        places = [:]
    }

    /// The view that follows another one.
    /// - Parameters:
    ///   - previous: The view before; its ring is used again if nothing on it changed.
    ///   - members: The workers, each once, in any order.
    ///   - settings: How the ring is made.
    public init(after previous: ClusterView, members: [ClusterMember], settings: RingSettings) {
        let members = members.sorted { $0.identity < $1.identity }
        self.members = members
        places = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.identity, $0) })
        generation = previous.generation + 1
        let onRing = members.filter { settings.isDynamic ? $0.state == .live : $0.isRegistered }
        let candidates = onRing.map { RingCandidate($0.identity, capacityBytes: $0.record.capacityBytes) }
        var ring = previous.ring
        var problem: RingSettingError?
        do throws(RingSettingError) {
            let weighed = try settings.provider.members(of: candidates, count: settings.virtualNodes)
            if weighed != ring.members { ring = HashRing(members: weighed) }
        } catch {
            problem = error
        }
        ringGeneration = previous.ringGeneration + (ring.members == previous.ring.members ? 0 : 1)
        self.ring = ring
        ringProblem = problem
    }

    /// A worker by its identity.
    /// - Parameter identity: Who.
    /// - Returns: nil if it is no member.
    public func member(_ identity: WorkerIdentity) -> ClusterMember? {
        places[identity].map { members[$0] }
    }

    /// Where a worker can be reached.
    /// - Parameter identity: Who.
    /// - Returns: nil if it is no member.
    public func address(of identity: WorkerIdentity) -> WorkerAddress? {
        member(identity)?.record.address
    }
}
