import Threading

/// The threads of a ``WaitingPool``.
///
/// Outlives the pool until its last thread has ended.
///
/// One lock; each idle thread sleeps on a condition of its own, and the one that went idle last is woken
/// first, since its stack is still in the processor's cache.
// Safety: every stored `var` is read and written with `mutex` held.
final class PoolCore: @unchecked Sendable {
    private let mutex = Lock()
    private let ended = Condition()
    private let idleLimit: Duration
    private var rules: PoolRules
    private var idle: [PoolThread] = []
    private var threads = 0
    private var threadsMade = 0
    private var isClosed = false

    private static let stackBytes = 512 << 10
    /// Threads that stay although they have nothing to do.
    private static let idleKept = 2

    init(rules: PoolRules, idleLimit: Duration) {
        self.rules = rules
        self.idleLimit = idleLimit
    }

    var load: WaitingPool.Load {
        mutex.lock()
        defer { mutex.unlock() }
        return WaitingPool.Load(
            threads: threads,
            running: rules.running,
            queuedDemand: rules.queuedDemand,
            queuedAhead: rules.queuedAhead
        )
    }

    func submit(_ priority: WaitingPool.Priority, _ job: @escaping PoolRules.Job) -> Bool {
        mutex.lock()
        defer { mutex.unlock() }
        guard !isClosed else { return false }
        switch rules.submit(priority, job) {
        case .refused: return false
        case .queued: return true
        case .start: break
        }
        let assignment = PoolRules.Assignment(priority: priority, job: job)
        if let thread = idle.popLast() {
            thread.assignment = assignment
            thread.condition.signal()
            return true
        }
        if startThread(with: assignment) { return true }
        rules.cancelStart(priority)
        return false
    }

    /// Refuses new jobs and ends the threads that are idle, or will be.
    func close() {
        mutex.lock()
        isClosed = true
        let dropped = rules.dropAhead()
        for thread in idle { thread.condition.signal() }
        mutex.unlock()
        withExtendedLifetime(dropped) {}
    }

    /// Waits until all threads have ended or the time is over.
    func join(within limit: Duration) {
        let deadline = MonotonicInstant.now + limit
        mutex.lock()
        while threads > 0 {
            guard ended.wait(mutex, until: deadline) else { break }
        }
        mutex.unlock()
    }

    /// Starts a thread; the lock is held.
    private func startThread(with assignment: PoolRules.Assignment) -> Bool {
        let thread = PoolThread(assignment: assignment)
        do {
            let name = "wait-\(threadsMade % 1_000_000)"
            try NamedThread.start(name, stackBytes: Self.stackBytes) { self.run(thread) }
        } catch {
            return false
        }
        threads += 1
        threadsMade += 1
        return true
    }

    /// A thread's life.
    private func run(_ thread: PoolThread) {
        mutex.lock()
        var current = thread.assignment
        thread.assignment = nil
        while let priority = current?.priority {
            mutex.unlock()
            Self.runAndDrop(&current)
            mutex.lock()
            current = rules.finished(priority)
            if current == nil { current = waitForWork(thread) }
        }
        threads -= 1
        if threads == 0 { ended.broadcast() }
        mutex.unlock()
    }

    /// Runs a job and lets go of what it holds before the thread sleeps.
    private static func runAndDrop(_ slot: inout PoolRules.Assignment?) {
        let job = slot?.job
        slot = nil
        job?()
    }

    /// Sleeps until there is a job; the lock is held.
    /// - Returns: The job; nil if the thread ends.
    private func waitForWork(_ thread: PoolThread) -> PoolRules.Assignment? {
        guard !isClosed else { return nil }
        idle.append(thread)
        var deadline = MonotonicInstant.now + idleLimit
        while thread.assignment == nil, !isClosed {
            guard !thread.condition.wait(mutex, until: deadline) else { continue }
            if thread.assignment != nil { break }
            if idle.count > Self.idleKept { break }
            deadline = MonotonicInstant.now + idleLimit
        }
        guard let assignment = thread.assignment else {
            idle.removeAll { $0 === thread }
            return nil
        }
        thread.assignment = nil
        return assignment
    }
}

/// One thread of a pool.
// Safety: `assignment` is read and written with the pool's lock held.
private final class PoolThread: @unchecked Sendable {
    var assignment: PoolRules.Assignment?
    let condition = Condition()

    init(assignment: PoolRules.Assignment) {
        self.assignment = assignment
    }
}
