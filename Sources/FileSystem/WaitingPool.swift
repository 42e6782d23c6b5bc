/// The bounded set of threads on which operations wait for the network.
///
/// The mount's own threads never wait: what they cannot answer at once they hand over whole to this pool.
/// Read-ahead uses the same threads at a lower priority. Any thread may call it. Threads end by themselves
/// after 30 s without work; dropping the pool ends the others once they are idle.
public final class WaitingPool: Sendable {
    /// What is served first.
    public enum Priority: Sendable {
        /// Somebody waits for the answer.
        case demand
        /// Nobody waits yet: read-ahead, the next page of a listing.
        ///
        /// Never takes the last free threads.
        case ahead
    }

    /// What a pool is doing at one moment.
    public struct Load: Sendable {
        /// Threads, busy or idle.
        public var threads: Int
        /// Threads that run a job.
        public var running: Int
        /// Jobs of priority `demand` that wait for a thread.
        public var queuedDemand: Int
        /// Jobs of priority `ahead` that wait for a thread.
        public var queuedAhead: Int
    }

    private let core: PoolCore

    /// Makes a pool; threads are started when they are first needed.
    /// - Parameters:
    ///   - threadsMaximum: The most threads; at least 1.
    ///   - aheadMaximum: The most threads that run `ahead` jobs at a time. The last quarter of the threads
    ///     never does.
    ///   - queueMaximum: The most jobs that wait for a thread; `ahead` jobs may be at most half of it.
    public convenience init(threadsMaximum: Int, aheadMaximum: Int, queueMaximum: Int) {
        self.init(
            rules: PoolRules(
                threadsMaximum: threadsMaximum,
                aheadMaximum: aheadMaximum,
                queueMaximum: queueMaximum
            ),
            idleLimit: .seconds(30)
        )
    }

    init(rules: PoolRules, idleLimit: Duration) {
        core = PoolCore(rules: rules, idleLimit: idleLimit)
    }

    deinit { core.close() }

    /// What the pool is doing now.
    public var load: Load { core.load }

    /// Hands over a job.
    /// - Parameters:
    ///   - priority: What is served first.
    ///   - job: Runs once on a pool thread, unless the pool refuses it, or is stopped before an `ahead` job's
    ///     turn came.
    /// - Returns: `false` if the queue is full or the pool is stopped; the job will not run.
    public func submit(_ priority: Priority, _ job: @escaping @Sendable () -> Void) -> Bool {
        core.submit(priority, job)
    }

    /// Refuses new jobs, drops `ahead` jobs that wait, and returns when the others have ended or the deadline
    /// has passed.
    ///
    /// Not to be called by a job.
    /// - Parameter deadline: How long to wait.
    public func stop(within deadline: Duration) {
        core.close()
        core.join(within: deadline)
    }
}
