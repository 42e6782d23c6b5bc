/// Speaks to etcd through its v3 JSON gateway.
///
/// Any thread may call it; every call waits on the caller's thread, for at most
/// ``EtcdOptions/triesMaximum`` tries and the pauses between them (about 35 s by default). A call that
/// changes something may have been carried out although it threw ``EtcdError/unreachable(_:)``.
public final class EtcdClient: Sendable {
    let connection: EtcdConnection
    private let signal: StopSignal
    private let tries: Int

    /// Prepares a client; nothing is sent yet.
    /// - Parameter options: Members, login, trust and limits.
    /// - Throws: ``EtcdError/invalid(_:)`` if there is no endpoint or one is no URL.
    public convenience init(options: EtcdOptions) throws(EtcdError) {
        let connection = try EtcdConnection(options)
        self.init(connection: connection, signal: StopSignal(), tries: options.triesMaximum)
    }

    private init(connection: EtcdConnection, signal: StopSignal, tries: Int) {
        self.connection = connection
        self.signal = signal
        self.tries = tries
    }

    /// The same connection for a background thread.
    /// - Parameters:
    ///   - signal: What ends its calls with ``EtcdError/stopped``.
    ///   - oneRound: Whether each member is asked only once, because the thread has pauses of its own.
    /// - Returns: A client that shares members and token with this one.
    func bound(to signal: StopSignal, oneRound: Bool) -> EtcdClient {
        let tries = oneRound ? connection.endpointCount : connection.options.triesMaximum
        return EtcdClient(connection: connection, signal: signal, tries: tries)
    }

    private func call<Answer: Decodable>(
        _ path: String,
        _ request: some Encodable
    ) throws(EtcdError) -> Answer {
        try connection.call(path, request, tries: tries, until: signal)
    }

    /// Reads keys.
    /// - Parameter keys: Which.
    /// - Returns: What is there, in ascending order of keys; nothing if there is none.
    /// - Throws: ``EtcdError``.
    public func read(_ keys: EtcdKeys) throws(EtcdError) -> EtcdSnapshot {
        let answer: EtcdWire.RangeAnswer = try call("/v3/kv/range", EtcdWire.Keys(keys))
        return EtcdSnapshot(
            revision: answer.header?.revision?.value ?? 0,
            entries: (answer.kvs ?? []).compactMap(\.entry)
        )
    }

    /// Writes a key, whatever it had.
    /// - Parameters:
    ///   - key: The key.
    ///   - value: Its new value; etcd takes 1.5 MiB.
    ///   - lease: The lease it is to live by; nil to stay until it is deleted.
    /// - Throws: ``EtcdError``; ``EtcdError/leaseGone`` if there is no such lease.
    public func put(_ key: String, _ value: [UInt8], lease: EtcdLease? = nil) throws(EtcdError) {
        let request = EtcdWire.Put(key: key, value: value, lease: lease?.id ?? 0)
        let _: EtcdWire.PutAnswer = try call("/v3/kv/put", request)
    }

    /// Deletes keys.
    /// - Parameter keys: Which.
    /// - Returns: How many there were; 0 is no error.
    /// - Throws: ``EtcdError``.
    @discardableResult
    public func delete(_ keys: EtcdKeys) throws(EtcdError) -> Int {
        let answer: EtcdWire.DeleteAnswer = try call("/v3/kv/deleterange", EtcdWire.Keys(keys))
        return Int(answer.deleted?.value ?? 0)
    }

    /// Carries out a transaction.
    ///
    /// When a try got no answer the next one finds the state that the first one left, so the conditions must
    /// be such that the caller can tell.
    /// - Parameter transaction: Conditions and steps.
    /// - Returns: Whether the conditions held, and what was read.
    /// - Throws: ``EtcdError``.
    public func commit(_ transaction: EtcdTransaction) throws(EtcdError) -> EtcdOutcome {
        let answer: EtcdWire.TransactionAnswer = try call("/v3/kv/txn", EtcdWire.Transaction(transaction))
        return answer.outcome
    }

    /// Grants a lease.
    /// - Parameter timeToLive: How long it is to live without keep-alive, 1 s or more, in whole seconds.
    /// - Returns: The lease; its time may be longer, since etcd has a shortest one.
    /// - Throws: ``EtcdError``.
    public func grantLease(_ timeToLive: Duration) throws(EtcdError) -> EtcdLease {
        let seconds = max(timeToLive.components.seconds, 1)
        let answer: EtcdWire.LeaseAnswer = try call(
            "/v3/lease/grant",
            EtcdWire.LeaseGrant(seconds: EtcdWire.Number(seconds))
        )
        guard let id = answer.id?.value, id != 0 else { throw .malformed("no lease in the answer") }
        return EtcdLease(id: id, timeToLive: .seconds(answer.seconds?.value ?? seconds))
    }

    /// Lets a lease live for its whole time again.
    /// - Parameter lease: Which.
    /// - Throws: ``EtcdError``; ``EtcdError/leaseGone`` if it is too late.
    public func keepAlive(_ lease: EtcdLease) throws(EtcdError) {
        let answer: EtcdWire.Streamed<EtcdWire.LeaseAnswer> = try call(
            "/v3/lease/keepalive",
            EtcdWire.LeaseIdentity(id: EtcdWire.Number(lease.id))
        )
        if let failure = answer.error {
            throw .refused(code: failure.streamCode ?? 0, message: failure.message ?? "no keep-alive")
        }
        guard let seconds = answer.result?.seconds?.value, seconds > 0 else { throw .leaseGone }
    }

    /// Ends a lease; the keys that live by it are deleted.
    /// - Parameter lease: Which; one that has ended is no error.
    /// - Throws: ``EtcdError``.
    public func revoke(_ lease: EtcdLease) throws(EtcdError) {
        do throws(EtcdError) {
            let _: EtcdWire.PutAnswer = try call(
                "/v3/lease/revoke",
                EtcdWire.LeaseIdentity(id: EtcdWire.Number(lease.id))
            )
        } catch {
            guard error == .leaseGone else { throw error }
        }
    }

    /// Follows changes of keys until a time has passed.
    /// - Parameters:
    ///   - keys: Which; all in one stream.
    ///   - revision: Changes after this revision are told.
    ///   - time: How long to follow at most; at least 1 s.
    ///   - onEvents: Gets changes in their order, on this thread; returns `false` to end.
    /// - Returns: Why it ended; some changes may be missed then, so the keys are to be read again.
    public func watch(
        _ keys: [EtcdKeys],
        after revision: Int64,
        for time: Duration,
        onEvents: ([EtcdEvent]) -> Bool
    ) -> EtcdWatchEnd {
        connection.watch(keys, after: revision, for: time, until: signal, onEvents: onEvents)
    }
}
