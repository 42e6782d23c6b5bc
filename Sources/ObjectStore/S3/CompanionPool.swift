import Glibc
import Synchronization

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

    private static let idleSeconds = 10

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
            var thread = pthread_t()
            // Safety: the thread's first act is to take over this reference; if no thread starts, it is
            // released here.
            let reference = Unmanaged.passRetained(self)
            let code = pthread_create(
                &thread,
                nil,
                { context in
                    guard let context else { return nil }
                    // Safety: `context` is the reference retained by `launch`, taken over exactly once.
                    Unmanaged<Companion>.fromOpaque(context).takeRetainedValue().run()
                    return nil
                },
                reference.toOpaque()
            )
            guard code == 0 else {
                reference.release()
                return false
            }
            pthread_detach(thread)
            return true
        }

        private func run() {
            while true {
                guard wake.wait(seconds: CompanionPool.idleSeconds) || !leave() else { return }
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
// Safety: the memory lives as long as the object, and sem_post and sem_wait may be called by any thread.
final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func post() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0, errno == EINTR {} }

    /// Waits at most so long; returns whether it was posted.
    func wait(seconds: Int) -> Bool {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        end.tv_sec += seconds
        while sem_timedwait(semaphore, &end) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}
