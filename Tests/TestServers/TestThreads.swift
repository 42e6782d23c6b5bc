import Glibc
import Synchronization

/// Threads of a test.
public enum TestThreads {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread that nobody waits for.
    /// - Parameter body: What it does.
    /// - Throws: ``TestServerError/system(_:)`` if there is no thread.
    public static func start(_ body: @escaping @Sendable () -> Void) throws {
        pthread_detach(try launch(body))
    }

    /// Runs a closure on several threads and waits for all.
    /// - Parameters:
    ///   - count: How many.
    ///   - body: Gets the number of the thread, from 0.
    /// - Throws: The first error that one of them threw.
    public static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let outcome = Outcome()
        var threads: [pthread_t] = []
        for index in 0..<count {
            threads.append(
                try launch {
                    do { try body(index) } catch { outcome.first.withLock { $0 = $0 ?? error } }
                }
            )
        }
        for thread in threads { pthread_join(thread, nil) }
        if let error = outcome.first.withLock({ $0 }) { throw error }
    }

    private final class Outcome: Sendable {
        let first = Mutex<(any Error)?>(nil)
    }

    private static func launch(_ body: @escaping @Sendable () -> Void) throws -> pthread_t {
        var thread = pthread_t()
        // Safety: the new thread takes this reference over first thing; if none starts, it is released here.
        let reference = Unmanaged.passRetained(Work(body))
        let code = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                // Safety: `context` is the reference retained above, taken over exactly once.
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            },
            reference.toOpaque()
        )
        guard code == 0 else {
            reference.release()
            throw TestServerError.system("pthread_create: error \(code)")
        }
        return thread
    }
}
