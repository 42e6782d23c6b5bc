import Synchronization
import Threading

/// Joins the servers' async world to the main thread, which may wait.
enum Blocking {
    /// Runs work and waits for it.
    /// - Parameters:
    ///   - limit: How long to wait at most.
    ///   - body: Runs on the threads of Swift's runtime; goes on alone if it takes longer.
    /// - Returns: What it gave; nil if it took longer.
    static func run<Value: Sendable>(
        within limit: Duration,
        _ body: @escaping @Sendable () async -> Value
    ) -> Value? {
        let answer = Answer<Value>()
        Task { answer.put(await body()) }
        return answer.take(within: limit)
    }

    private final class Answer<Value: Sendable>: Sendable {
        private let lock = Lock()
        private let condition = Condition()
        private let value = Mutex<Value?>(nil)

        func put(_ new: Value) {
            lock.lock()
            value.withLock { $0 = new }
            condition.broadcast()
            lock.unlock()
        }

        func take(within limit: Duration) -> Value? {
            let deadline = MonotonicInstant.now + limit
            lock.lock()
            defer { lock.unlock() }
            while true {
                if let found = value.withLock({ $0 }) { return found }
                if !condition.wait(lock, until: deadline) { return value.withLock { $0 } }
            }
        }
    }
}
