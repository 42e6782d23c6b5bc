public import Glibc

/// A moment of the clock that deadlines are kept by; reading it costs some 25 ns.
///
/// `CLOCK_MONOTONIC`: stands still while the machine is suspended, so that nobody finds his time over who
/// had no chance to use it; does not jump when somebody sets the time of day.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
    private let nanoseconds: Int64

    private init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// This moment.
    public static var now: MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec))
    }

    /// Nanoseconds from this moment to now; negative if it is ahead.
    public var nanosecondsAgo: Int64 { MonotonicInstant.now.nanoseconds - nanoseconds }

    /// The moment as system calls take it.
    public var kernelTime: timespec {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: nanosecondsPerSecond)
        return timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    /// Whether one moment is before another.
    public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// A moment later by a duration; what is beyond 292 years is never.
    public static func + (left: MonotonicInstant, right: Duration) -> MonotonicInstant {
        let (seconds, attoseconds) = right.components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        let distance = isTooLong ? (seconds < 0 ? Int64.min : .max) : whole
        let (fine, isTooFine) = distance.addingReportingOverflow(attoseconds / nanosecondsPerSecond)
        let (sum, isTooFar) = left.nanoseconds.addingReportingOverflow(isTooFine ? distance : fine)
        return MonotonicInstant(nanoseconds: isTooFar ? (seconds < 0 ? 0 : .max) : sum)
    }
}

/// Sleeps on the calling thread, signals or not.
/// - Parameter duration: How long; nothing if it is not positive.
public func sleepThread(for duration: Duration) {
    guard duration > .zero else { return }
    let (seconds, attoseconds) = duration.components
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / nanosecondsPerSecond))
    var left = timespec()
    while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
}
