import Glibc

/// Nanoseconds since some point in the past; goes on while the machine sleeps, never backwards.
typealias MonotonicClock = @Sendable () -> Int64

private let nanosecondsPerSecond: Int64 = 1_000_000_000

/// The system's monotonic clock in nanoseconds.
func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Int64(now.tv_sec) * nanosecondsPerSecond + Int64(now.tv_nsec)
}

/// The time of day in nanoseconds since 1970.
func wallClockNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * nanosecondsPerSecond + Int64(now.tv_nsec)
}
