/// A worker that may have a file, and where it is asked.
public struct WorkerCandidate: Hashable, Sendable {
    /// Who it is.
    public let identity: WorkerIdentity
    /// The name or address of its host; an IPv6 address without brackets.
    public let host: String
    /// Its port for HTTP, 1...65535.
    public let httpPort: Int
    /// Whether it answers, as far as is known; a lost worker of a static ring is not asked at all.
    public let isLive: Bool

    /// Describes a worker.
    /// - Parameters:
    ///   - identity: Who it is.
    ///   - host: The name or address of its host.
    ///   - httpPort: Its port for HTTP.
    ///   - isLive: Whether it answers, as far as is known.
    public init(identity: WorkerIdentity, host: String, httpPort: Int, isLive: Bool = true) {
        self.identity = identity
        self.host = host
        self.httpPort = httpPort
        self.isLive = isLive
    }
}

/// The workers of a cluster at one moment, and which of them have what.
///
/// A value; any thread may ask it.
public protocol ClusterPlacement: Sendable {
    /// Another number whenever a worker comes, goes, moves or is lost; 0 while nothing is known.
    var generation: UInt64 { get }
    /// Every worker of the cluster, in any order.
    var candidates: [WorkerCandidate] { get }

    /// The workers of a key, the preferred one first.
    /// - Parameters:
    ///   - key: What is looked up.
    ///   - count: How many different workers are wanted, at least 1.
    /// - Returns: At most that many; none while nothing is known.
    func candidates(for key: RingKey, count: Int) -> [WorkerCandidate]
}

/// Who knows the workers of a cluster, now.
public protocol ClusterDirectory: Sendable {
    /// What it knows at one moment.
    associatedtype View: ClusterPlacement

    /// The workers as far as they are known now; costs a lock at most, and never waits for the network.
    var view: View { get }
    /// The generation of ``view`` now, without a copy of it.
    var generation: UInt64 { get }
}

extension ClusterDirectory {
    /// The generation of ``view`` now.
    public var generation: UInt64 { view.generation }
}
