/// The bounded set of threads on which operations wait for the network.
///
/// The mount's own threads never wait: what they cannot answer at once they hand over whole to this pool.
/// Read-ahead uses the same threads at a lower priority. Any thread may call it.
public final class WaitingPool: Sendable {
    /// What is served first.
    public enum Priority: Sendable {
        /// Somebody waits for the answer.
        case demand
        /// Nobody waits yet: read-ahead, the next page of a listing. Never takes the last free threads.
        case ahead
    }

    /// Makes a pool; threads are started when they are first needed.
    /// - Parameters:
    ///   - threadsMaximum: The most threads.
    ///   - aheadMaximum: The most threads that run `ahead` jobs at a time.
    ///   - queueMaximum: The most jobs that wait for a thread.
    public init(threadsMaximum: Int, aheadMaximum: Int, queueMaximum: Int) {
    }

    /// Hands over a job.
    /// - Parameters:
    ///   - priority: What is served first.
    ///   - job: Runs once on a pool thread, unless the pool refuses it.
    /// - Returns: `false` if the queue is full or the pool is stopped; the job will not run.
    public func submit(_ priority: Priority, _ job: @escaping @Sendable () -> Void) -> Bool {
        preconditionFailure("to be written")
    }

    /// Refuses new jobs and returns when those under way have ended, or the deadline has passed.
    /// - Parameter deadline: How long to wait.
    public func stop(within deadline: Duration) {
    }
}
