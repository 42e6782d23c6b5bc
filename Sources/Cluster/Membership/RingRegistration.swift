/// What a decision about a worker's registration comes to; pure, so that it can be tested with values.
enum RegistrationConflict: Hashable {
    /// The same bytes are registered: nothing is to be done.
    case same
    /// The old registration is this worker's: it is to be overwritten.
    case update
    /// Somebody else has the identity; the text says who.
    case taken(String)

    /// Compares what is registered with what is to be.
    /// - Parameters:
    ///   - existing: The value in etcd.
    ///   - record: What is to be registered.
    ///   - overwritesOtherAddress: Whether the address may differ.
    init(_ existing: [UInt8], _ record: WorkerRecord, overwritesOtherAddress: Bool) {
        if existing == record.json {
            self = .same
            return
        }
        guard !overwritesOtherAddress else {
            self = .update
            return
        }
        guard let other = WorkerRecord(json: existing) else {
            self = .taken("a place that can't be read, since its value is no worker's")
            return
        }
        let isOwn = other.identity == record.identity && other.address.isSamePlace(as: record.address)
        self = isOwn ? .update : .taken("\(other.address.host):\(other.address.rpcPort)")
    }
}

/// What removing a worker came to.
public enum WorkerRemoval: Hashable, Sendable {
    /// It is no member any more.
    case removed
    /// It was none.
    case notRegistered
}

extension EtcdClient {
    /// How often a registration starts again because the key changed meanwhile.
    private static let registrationRoundsMaximum = 5

    /// Writes the key by which a worker is a member, live or not.
    func register(_ options: WorkerRegistrationOptions) throws(MembershipError) {
        let key = options.keys.registered(options.record.identity)
        let value = options.record.json
        var condition = EtcdTransaction.Condition.absent(key)
        for _ in 0..<Self.registrationRoundsMaximum {
            let outcome = try membershipCommit(
                EtcdTransaction(
                    if: [condition],
                    then: [.put(key: key, value: value, lease: 0)],
                    otherwise: [.get(.key(key))]
                )
            )
            if outcome.succeeded { return }
            guard let existing = outcome.reads.first?.first else {
                condition = .absent(key)
                continue
            }
            let conflict = RegistrationConflict(
                existing.value,
                options.record,
                overwritesOtherAddress: options.overwritesOtherAddress
            )
            switch conflict {
            case .same: return
            case .update: condition = .unchanged(key: key, modRevision: existing.modRevision)
            case .taken(let other): throw .identityTaken(worker: options.record.identity, by: other)
            }
        }
        throw .identityTaken(worker: options.record.identity, by: "a process that registers again and again")
    }

    /// Takes a worker out of the cluster for good: `alluxio process remove-worker`.
    /// - Parameters:
    ///   - worker: Who; it must not be live.
    ///   - keys: The cluster.
    /// - Returns: Whether it was a member.
    /// - Throws: ``MembershipError/workerIsLive(_:)``, or ``MembershipError/etcd(_:)``.
    public func remove(
        _ worker: WorkerIdentity,
        from keys: ClusterKeys
    ) throws(MembershipError) -> WorkerRemoval {
        let outcome = try membershipCommit(
            EtcdTransaction(
                if: [.absent(keys.live(worker))],
                then: [.delete(.key(keys.registered(worker)))]
            )
        )
        guard outcome.succeeded else { throw .workerIsLive(worker) }
        return outcome.deletions.first == 0 ? .notRegistered : .removed
    }

    private func membershipCommit(_ transaction: EtcdTransaction) throws(MembershipError) -> EtcdOutcome {
        do throws(EtcdError) {
            return try commit(transaction)
        } catch {
            throw .etcd(error)
        }
    }
}
