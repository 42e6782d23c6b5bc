import Glibc

/// One transfer of one run of granules, and the place where others wait for it.
///
/// Made and ended by the thread that fetches; any thread may wait. A waiter takes `generation` under the lock
/// of the file's ``FlightTable`` and then waits for a later one, so that no wake-up is lost.
// Safety: mutex and condition are made once, never move, and are destroyed with the last reference; the other
// members are read and written only with the mutex held.
final class Flight: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var progress: UInt64 = 0
    private var waiters = 0
    private var ending: Ending?

    /// How a transfer ended.
    enum Ending {
        /// The granules are there, or whoever still wants them must ask himself.
        case over
        /// The version is gone; nobody need ask again.
        case stale
    }

    /// What a wait came to.
    enum Wake {
        /// Something arrived or the transfer is over: look again.
        case changed
        /// The version is gone.
        case stale
        /// Nothing happened before the deadline.
        case timedOut
    }

    init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// How often something has arrived so far.
    var generation: UInt64 {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return progress
    }

    /// Wakes the waiters after granules were published.
    func advance() {
        pthread_mutex_lock(mutex)
        progress += 1
        if waiters > 0 { pthread_cond_broadcast(condition) }
        pthread_mutex_unlock(mutex)
    }

    /// Ends the transfer and wakes the waiters.
    ///
    /// The claim must be out of the table by now.
    func end(_ ending: Ending) {
        pthread_mutex_lock(mutex)
        self.ending = ending
        progress += 1
        if waiters > 0 { pthread_cond_broadcast(condition) }
        pthread_mutex_unlock(mutex)
    }

    /// Waits until something arrives after `generation`.
    /// - Parameters:
    ///   - generation: What the waiter has seen.
    ///   - deadline: When to give up.
    /// - Returns: What happened.
    func wait(past generation: UInt64, until deadline: Deadline) -> Wake {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        waiters += 1
        defer { waiters -= 1 }
        var time = deadline.time
        while progress <= generation {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT, progress <= generation {
                return .timedOut
            }
        }
        return ending == .stale ? .stale : .changed
    }
}

/// A point of the monotonic clock.
struct Deadline: Sendable {
    /// The point as the kernel counts it.
    let time: timespec

    /// A point ahead of now.
    /// - Parameter wait: How far ahead; not negative.
    init(after wait: Duration) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let (seconds, attoseconds) = wait.components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        time = timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000
        )
    }
}
