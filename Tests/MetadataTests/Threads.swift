import Glibc
import Synchronization
import Testing

/// Runs `body` on threads of its own, which may wait, and returns when all have ended.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    join(start(count, body))
}

/// Starts threads; every one must be joined.
func start(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> [pthread_t] {
    (0..<count).map { number in
        let job = Unmanaged.passRetained(ThreadJob { body(number) })
        var thread = pthread_t()
        let failure = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<ThreadJob>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            },
            job.toOpaque()
        )
        precondition(failure == 0, "no thread: errno \(failure)")
        return thread
    }
}

/// Waits for the end of threads.
func join(_ threads: [pthread_t]) {
    for thread in threads { pthread_join(thread, nil) }
}

// Safety (of `Unmanaged` above): retained once before the thread starts, released once by the thread.
private final class ThreadJob: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
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

/// Random numbers that a seed repeats.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
