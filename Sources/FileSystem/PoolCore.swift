import Glibc

/// The threads of a ``WaitingPool``.
///
/// Outlives the pool until its last thread has ended.
///
/// One lock; each idle thread sleeps on a condition of its own, and the one that went idle last is woken
/// first, since its stack is still in the processor's cache.
// Safety: every stored `var` is read and written with `mutex` held; `mutex` and `ended` are made before any
// thread.
final class PoolCore: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
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
        pthread_mutex_init(mutex, nil)
        PoolThread.makeCondition(ended)
    }

    deinit {
        pthread_cond_destroy(ended)
        pthread_mutex_destroy(mutex)
        ended.deallocate()
        mutex.deallocate()
    }

    var load: WaitingPool.Load {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return WaitingPool.Load(
            threads: threads,
            running: rules.running,
            queuedDemand: rules.queuedDemand,
            queuedAhead: rules.queuedAhead
        )
    }

    func submit(_ priority: WaitingPool.Priority, _ job: @escaping PoolRules.Job) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isClosed else { return false }
        switch rules.submit(priority, job) {
        case .refused: return false
        case .queued: return true
        case .start: break
        }
        let assignment = PoolRules.Assignment(priority: priority, job: job)
        if let thread = idle.popLast() {
            thread.assignment = assignment
            pthread_cond_signal(thread.condition)
            return true
        }
        if startThread(with: assignment) { return true }
        rules.cancelStart(priority)
        return false
    }

    /// Refuses new jobs and ends the threads that are idle, or will be.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        let dropped = rules.dropAhead()
        for thread in idle { pthread_cond_signal(thread.condition) }
        pthread_mutex_unlock(mutex)
        withExtendedLifetime(dropped) {}
    }

    /// Waits until all threads have ended or the time is over.
    func join(within limit: Duration) {
        var deadline = PoolThread.deadline(after: limit)
        pthread_mutex_lock(mutex)
        while threads > 0 {
            guard pthread_cond_timedwait(ended, mutex, &deadline) != ETIMEDOUT else { break }
        }
        pthread_mutex_unlock(mutex)
    }

    /// Starts a thread; the lock is held.
    private func startThread(with assignment: PoolRules.Assignment) -> Bool {
        let thread = PoolThread(core: self, number: threadsMade, assignment: assignment)
        guard thread.start(stackBytes: Self.stackBytes) else { return false }
        threads += 1
        threadsMade += 1
        return true
    }

    /// A thread's life.
    fileprivate func run(_ thread: PoolThread) {
        pthread_mutex_lock(mutex)
        var current = thread.assignment
        thread.assignment = nil
        while let priority = current?.priority {
            pthread_mutex_unlock(mutex)
            Self.runAndDrop(&current)
            pthread_mutex_lock(mutex)
            current = rules.finished(priority)
            if current == nil { current = waitForWork(thread) }
        }
        threads -= 1
        if threads == 0 { pthread_cond_broadcast(ended) }
        pthread_mutex_unlock(mutex)
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
        var deadline = PoolThread.deadline(after: idleLimit)
        while thread.assignment == nil, !isClosed {
            guard pthread_cond_timedwait(thread.condition, mutex, &deadline) == ETIMEDOUT else { continue }
            if thread.assignment != nil { break }
            if idle.count > Self.idleKept { break }
            deadline = PoolThread.deadline(after: idleLimit)
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
// Safety: `assignment` is read and written with the pool's lock held; the rest does not change after `init`.
final class PoolThread: @unchecked Sendable {
    fileprivate var assignment: PoolRules.Assignment?
    fileprivate let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let core: PoolCore
    private let number: Int

    fileprivate init(core: PoolCore, number: Int, assignment: PoolRules.Assignment) {
        self.core = core
        self.number = number
        self.assignment = assignment
        Self.makeCondition(condition)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Makes a condition whose deadlines do not jump when somebody sets the clock.
    fileprivate static func makeCondition(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    fileprivate static func deadline(after limit: Duration) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let nanosecondsPerSecond = 1_000_000_000
        let (seconds, attoseconds) = limit.components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(clamping: seconds) + nanoseconds / nanosecondsPerSecond,
            tv_nsec: nanoseconds % nanosecondsPerSecond
        )
    }

    /// Starts the thread, detached and with all signals blocked: they are the main thread's.
    fileprivate func start(stackBytes: Int) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var handle = pthread_t()
        // Safety: the retained reference is taken back exactly once, by the thread; on failure, here.
        let retained = Unmanaged.passRetained(self)
        let result = pthread_create(
            &handle,
            &attributes,
            { argument in
                guard let argument else { return nil }
                // Safety: `argument` is the reference retained for this thread by `start`.
                Unmanaged<PoolThread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            retained.toOpaque()
        )
        if result != 0 { retained.release() }
        return result == 0
    }

    private func run() {
        Self.nameThread("wait-\(number % 1_000_000)")
        core.run(self)
    }

    /// Names the calling thread for `top` and debuggers; at most 15 bytes.
    ///
    /// A name that cannot be set is no loss.
    private static func nameThread(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, name, name.utf8.count)
        close(descriptor)
    }
}
