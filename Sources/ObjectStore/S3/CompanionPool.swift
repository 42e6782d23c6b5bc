import Synchronization
import Threading

/// A few threads that each run one leaf request beside their caller's own.
///
/// A job here never starts another and never waits for one, so the pool cannot lock up; when no thread is
/// free the caller does both requests itself. Threads end after ten idle seconds.
final class CompanionPool: Sendable {
    /// Work under way on a companion.
    final class Job: Sendable {
        fileprivate let work: @Sendable () -> Void
        fileprivate let finished = Semaphore()

        fileprivate init(_ work: @escaping @Sendable () -> Void) { self.work = work }

        /// Waits for the end of the work; call it exactly once.
        ///
        /// Requests have deadlines, so this ends.
        func wait() { finished.wait() }
    }

    private static let idleLimit = Duration.seconds(10)

    private let roster: Roster
    private let maximum: Int

    init(maximum: Int) {
        self.maximum = max(maximum, 0)
        roster = Roster()
    }

    /// Runs work on another thread at once.
    /// - Returns: The job, or nil if no thread is free; then nothing runs.
    func start(_ work: @escaping @Sendable () -> Void) -> Job? {
        let job = Job(work)
        let companion: Companion?
        (companion, _) = roster.state.withLock { state -> (Companion?, Bool) in
            if let idle = state.idle.popLast() { return (idle, true) }
            guard state.count < maximum else { return (nil, false) }
            state.count += 1
            return (Companion(roster: roster), false)
        }
        guard let companion else { return nil }
        companion.job.withLock { $0 = job }
        guard companion.isRunning.exchange(true, ordering: .acquiringAndReleasing) || companion.launch()
        else {
            roster.state.withLock { $0.count -= 1 }
            return nil
        }
        companion.wake.post()
        return job
    }

    /// Who is there; the threads hold it, not the pool.
    fileprivate final class Roster: Sendable {
        struct State {
            var idle: [Companion] = []
            var count = 0
        }
        let state = Mutex(State())
    }

    fileprivate final class Companion: Sendable {
        let roster: Roster
        let job = Mutex<Job?>(nil)
        let wake = Semaphore()
        let isRunning = Atomic(false)

        init(roster: Roster) { self.roster = roster }

        func launch() -> Bool {
            do {
                try NamedThread.start("companion") { self.run() }
                return true
            } catch {
                return false
            }
        }

        private func run() {
            while true {
                guard wake.wait(atMost: CompanionPool.idleLimit) || !leave() else { return }
                guard let job = job.withLock({ $0.take() }) else { continue }
                job.work()
                // Free before the waiter goes on, so that its next question finds this thread.
                roster.state.withLock { $0.idle.append(self) }
                job.finished.post()
            }
        }

        /// Leaves the roster unless a job was handed over meanwhile.
        private func leave() -> Bool {
            roster.state.withLock { state in
                guard let index = state.idle.firstIndex(where: { $0 === self }) else { return false }
                state.idle.remove(at: index)
                state.count -= 1
                return true
            }
        }
    }
}

/// A counting semaphore.
// Safety: `count` is touched only with `lock` held.
final class Semaphore: @unchecked Sendable {
    private let lock = Lock()
    private let posted = Condition()
    private var count = 0

    func post() {
        lock.lock()
        count += 1
        posted.signal()
        lock.unlock()
    }

    func wait() { while !wait(atMost: .seconds(60)) {} }

    /// Waits at most so long; returns whether it was posted.
    func wait(atMost limit: Duration) -> Bool {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while count == 0 {
            guard posted.wait(lock, until: deadline) || count > 0 else { return false }
        }
        count -= 1
        return true
    }
}
