/// What etcd or a list says of the workers, as the link that reads from them asks it.
extension ClusterView: ClusterPlacement {
    /// Every worker, in ascending order of names in etcd.
    public var candidates: [WorkerCandidate] { members.map { WorkerCandidate($0) } }

    /// The workers of a key on the ring, the preferred one first.
    /// - Parameters:
    ///   - key: What is looked up.
    ///   - count: How many different workers are wanted, at least 1.
    /// - Returns: At most that many; of a static ring also lost ones.
    public func candidates(for key: RingKey, count: Int) -> [WorkerCandidate] {
        ring.workers(for: key, count: count).compactMap { member($0).map { WorkerCandidate($0) } }
    }
}

extension WorkerCandidate {
    fileprivate init(_ member: ClusterMember) {
        let address = member.record.address
        self.init(
            identity: member.identity,
            host: address.host,
            httpPort: address.httpServerPort,
            isLive: member.state == .live
        )
    }
}

extension Membership: ClusterDirectory {}
