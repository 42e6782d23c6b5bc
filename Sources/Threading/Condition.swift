public import Glibc

// Safety: the mutex is made for many threads, and lies in memory of its own, so that it never moves.
/// A lock whose owner may wait for a ``Condition``; `Mutex` has none.
///
/// Guards what its owner says it guards. Any thread may take it, none twice. Costs what a pthread mutex
/// costs: no closure, no allocation after `init`.
public struct Lock: ~Copyable, @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// Makes a lock that nobody holds.
    public init() {
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Takes the lock, after whoever holds it.
    @inlinable
    public borrowing func lock() { pthread_mutex_lock(mutex) }

    /// Gives the lock back; only the thread that took it may.
    @inlinable
    public borrowing func unlock() { pthread_mutex_unlock(mutex) }
}

// Safety: the condition is made for many threads, and lies in memory of its own, so that it never moves.
/// What threads wait for while they let go of a ``Lock``.
///
/// Any thread may use it. A waiter looks at the guarded state before it waits and after each wake-up.
public struct Condition: ~Copyable, @unchecked Sendable {
    @usableFromInline let condition: UnsafeMutablePointer<pthread_cond_t>

    /// Makes a condition whose deadlines do not jump when somebody sets the clock.
    public init() {
        condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Waits to be woken, without the lock.
    /// - Parameters:
    ///   - lock: The lock, which the caller holds and holds again afterwards.
    ///   - deadline: When to give up.
    /// - Returns: `false` if the deadline has passed; `true` is no promise that anything has changed.
    @inlinable
    public borrowing func wait(_ lock: borrowing Lock, until deadline: MonotonicInstant) -> Bool {
        var time = deadline.kernelTime
        return pthread_cond_timedwait(condition, lock.mutex, &time) != ETIMEDOUT
    }

    /// Wakes one who waits, if there is one.
    @inlinable
    public borrowing func signal() { pthread_cond_signal(condition) }

    /// Wakes all who wait.
    @inlinable
    public borrowing func broadcast() { pthread_cond_broadcast(condition) }
}
