import Pages
import Synchronization
import Threading

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
// Safety: `isOpen` is touched only with `lock` held.
final class Latch: @unchecked Sendable {
    private let lock = Lock()
    private let opened = Condition()
    private var isOpen = false

    func open() {
        lock.lock()
        isOpen = true
        opened.broadcast()
        lock.unlock()
    }

    /// Waits until the gate is open, but not for longer than `limit`.
    /// - Returns: Whether the gate is open.
    func wait(atMost limit: Duration) -> Bool {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while !isOpen {
            guard opened.wait(lock, until: deadline) else { return isOpen }
        }
        return true
    }
}
