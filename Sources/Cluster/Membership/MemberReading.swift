extension EtcdClient {
    /// The workers of a cluster as they are now, for those who ask once.
    /// - Parameters:
    ///   - keys: The cluster.
    ///   - kind: ``MembershipKind/serviceRegistry`` for live workers only, else registered ones too.
    /// - Returns: Each worker once, in ascending order of names; values that are no worker are left out.
    /// - Throws: ``EtcdError``.
    public func members(of keys: ClusterKeys, kind: MembershipKind) throws(EtcdError) -> [ClusterMember] {
        var steps: [EtcdTransaction.Step] = [.get(.prefix(keys.livePrefix))]
        if kind != .serviceRegistry { steps.insert(.get(.prefix(keys.registeredPrefix)), at: 0) }
        let outcome = try commit(EtcdTransaction(if: [], then: steps))
        return MemberEntries(outcome.reads.flatMap(\.self), keys: keys).members
    }
}
