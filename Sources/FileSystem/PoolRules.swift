/// Which job runs when, in a ``WaitingPool``: counts and queues without threads, clocks or locks.
///
/// FIFO within a priority, `demand` first. An `ahead` job starts only while fewer than `aheadMaximum` run and
/// a quarter of the threads stays free for `demand`.
struct PoolRules {
    typealias Job = @Sendable () -> Void

    /// A job that was given to a thread.
    struct Assignment {
        let priority: WaitingPool.Priority
        let job: Job
    }

    /// What becomes of a new job.
    enum Verdict {
        /// It starts now: a thread must be woken or made.
        case start
        /// It waits for a thread.
        case queued
        /// The queue is full.
        case refused
    }

    let threadsMaximum: Int
    private let aheadMaximum: Int
    private let aheadThreads: Int
    private let queueMaximum: Int
    private(set) var running = 0
    private var aheadRunning = 0
    private var demand = JobQueue()
    private var ahead = JobQueue()

    init(threadsMaximum: Int, aheadMaximum: Int, queueMaximum: Int) {
        precondition(threadsMaximum > 0, "a pool has at least one thread")
        precondition(aheadMaximum >= 0 && queueMaximum >= 0, "limits are not negative")
        self.threadsMaximum = threadsMaximum
        self.aheadMaximum = aheadMaximum
        self.queueMaximum = queueMaximum
        // A single thread serves both; from two on, at least one is kept for demand.
        let reserved = threadsMaximum == 1 ? 0 : max(1, threadsMaximum / 4)
        aheadThreads = threadsMaximum - reserved
    }

    var queuedDemand: Int { demand.count }
    var queuedAhead: Int { ahead.count }

    private var mayStartAhead: Bool { aheadRunning < aheadMaximum && running < aheadThreads }

    /// Takes a new job: counts it as running, or queues it, or refuses it.
    mutating func submit(_ priority: WaitingPool.Priority, _ job: @escaping Job) -> Verdict {
        switch priority {
        case .demand:
            if running < threadsMaximum {
                running += 1
                return .start
            }
            guard demand.count + ahead.count < queueMaximum else { return .refused }
            demand.append(job)
        case .ahead:
            if mayStartAhead, ahead.count == 0 {
                running += 1
                aheadRunning += 1
                return .start
            }
            guard aheadMaximum > 0, ahead.count < queueMaximum / 2, demand.count + ahead.count < queueMaximum
            else {
                return .refused
            }
            ahead.append(job)
        }
        return .queued
    }

    /// Takes note that a job has ended, and says what its thread does next; nil: nothing.
    mutating func finished(_ priority: WaitingPool.Priority) -> Assignment? {
        running -= 1
        if priority == .ahead { aheadRunning -= 1 }
        if let job = demand.popFirst() {
            running += 1
            return Assignment(priority: .demand, job: job)
        }
        guard mayStartAhead, let job = ahead.popFirst() else { return nil }
        running += 1
        aheadRunning += 1
        return Assignment(priority: .ahead, job: job)
    }

    /// Takes back a start for which no thread could be had.
    mutating func cancelStart(_ priority: WaitingPool.Priority) {
        running -= 1
        if priority == .ahead { aheadRunning -= 1 }
    }

    /// Drops the `ahead` jobs that wait.
    /// - Returns: Them, so that they are destroyed outside of any lock.
    mutating func dropAhead() -> [Job] {
        var dropped: [Job] = []
        while let job = ahead.popFirst() { dropped.append(job) }
        return dropped
    }
}

/// A FIFO of jobs: an array with a moving start.
private struct JobQueue {
    private var jobs: [PoolRules.Job?] = []
    private var first = 0

    var count: Int { jobs.count - first }

    mutating func append(_ job: @escaping PoolRules.Job) { jobs.append(job) }

    mutating func popFirst() -> PoolRules.Job? {
        guard first < jobs.count else { return nil }
        let job = jobs[first]
        jobs[first] = nil
        first += 1
        if first * 2 > jobs.count {
            jobs.removeFirst(first)
            first = 0
        }
        return job
    }
}
