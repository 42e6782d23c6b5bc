import Synchronization
import Threading

/// Threads of a test.
public enum TestThreads {
    /// Starts a thread that nobody waits for.
    /// - Parameter body: What it does.
    /// - Throws: `ThreadRefusal` if there is no thread.
    public static func start(_ body: @escaping @Sendable () -> Void) throws {
        try NamedThread.start("test", body)
    }

    /// Runs a closure on several threads and waits for all.
    /// - Parameters:
    ///   - count: How many.
    ///   - body: Gets the number of the thread, from 0.
    /// - Throws: The first error that one of them threw.
    public static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let outcome = Outcome()
        var threads: [JoinableThread] = []
        for index in 0..<count {
            threads.append(
                try NamedThread.startJoinable("test-\(index)") {
                    do { try body(index) } catch { outcome.first.withLock { $0 = $0 ?? error } }
                }
            )
        }
        for thread in threads { thread.join() }
        if let error = outcome.first.withLock({ $0 }) { throw error }
    }

    private final class Outcome: Sendable {
        let first = Mutex<(any Error)?>(nil)
    }
}
