import CFuse3
import Glibc

/// A moment of the monotonic clock; reading it costs some 25 ns.
struct MonotonicInstant: Sendable, Comparable {
    private var nanoseconds: Int64

    static var now: MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Nanoseconds from this moment to now.
    var nanosecondsAgo: Int64 { MonotonicInstant.now.nanoseconds - nanoseconds }

    static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    static func + (left: MonotonicInstant, right: Duration) -> MonotonicInstant {
        let parts = right.components
        let distance = parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
        return MonotonicInstant(nanoseconds: left.nanoseconds + distance)
    }
}

/// Sleeps on this thread.
func sleepThread(for duration: Duration) {
    let parts = duration.components
    var time = timespec(tv_sec: Int(parts.seconds), tv_nsec: Int(parts.attoseconds / 1_000_000_000))
    var left = timespec()
    while nanosleep(&time, &left) != 0 && errno == EINTR { time = left }
}
