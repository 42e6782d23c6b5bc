import Glibc
import Pages
import Synchronization

/// One request under way, whose answer several threads wait for.
///
/// The thread that made the flight sends the request itself and calls ``finish(_:)`` exactly once; a waiter
/// therefore never waits for work that nobody runs. Any thread may wait.
final class Flight<Value: Sendable>: Sendable {
    private let landed = Latch()
    private let outcome = Mutex<Result<Value, StoreError>?>(nil)

    /// Gives the answer to all who wait and will wait.
    func finish(_ result: Result<Value, StoreError>) {
        outcome.withLock { $0 = result }
        landed.open()
    }

    /// Waits for the answer.
    /// - Parameters:
    ///   - limit: How long to wait.
    ///   - subject: What is asked, for the text of the error.
    /// - Returns: The answer.
    /// - Throws: The flight's own error, or ``StoreError/unavailable(_:)`` when the time is over.
    func wait(atMost limit: Duration, for subject: RelativePath) throws(StoreError) -> Value {
        _ = landed.wait(atMost: limit)
        guard let result = outcome.withLock({ $0 }) else {
            throw .unavailable("no answer for '\(subject)' within \(limit.components.seconds) s")
        }
        return try result.get()
    }
}

/// A gate that opens once and lets everybody through from then on.
// Safety: `isOpen` is touched only with `mutex` held; the two pthread objects are made for many threads, and
// lie in memory of their own, so that they never move.
final class Latch: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let opened = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isOpen = false

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(opened, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(opened)
        pthread_mutex_destroy(mutex)
        opened.deallocate()
        mutex.deallocate()
    }

    func open() {
        pthread_mutex_lock(mutex)
        isOpen = true
        pthread_cond_broadcast(opened)
        pthread_mutex_unlock(mutex)
    }

    /// Waits until the gate is open, but not for longer than `limit`.
    /// - Returns: Whether the gate is open.
    func wait(atMost limit: Duration) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let (seconds, attoseconds) = limit.components
        let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
        deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isOpen {
            guard pthread_cond_timedwait(opened, mutex, &deadline) == 0 else { return isOpen }
        }
        return true
    }
}
