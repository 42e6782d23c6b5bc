import Glibc
import Synchronization
import Testing
import Threading

/// Runs `body` on threads of its own, which may wait, and returns when all have ended.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    join(start(count, body))
}

/// Starts threads; every one must be joined.
func start(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> [JoinableThread] {
    (0..<count).map { number in
        do {
            return try NamedThread.startJoinable("test-\(number)") { body(number) }
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// Waits for the end of threads.
func join(_ threads: [JoinableThread]) {
    for thread in threads { thread.join() }
}

/// Waits until `condition` holds, at most ten seconds.
func eventually(_ what: Comment, _ condition: () -> Bool) {
    for _ in 0..<10_000 {
        if condition() { return }
        usleep(1000)
    }
    Issue.record("did not happen within 10 s: \(what)")
}

/// A clock that a test sets.
final class ManualClock: Sendable {
    private let time = Atomic<Int64>(1_000_000_000_000)

    /// The time in nanoseconds.
    var now: Int64 { time.load(ordering: .relaxed) }

    func advance(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        time.wrappingAdd(seconds * 1_000_000_000 + attoseconds / 1_000_000_000, ordering: .relaxed)
    }
}
