import Glibc

/// Nanoseconds since some point in the past; goes on while the machine sleeps, never backwards.
public typealias MonotonicClock = @Sendable () -> Int64

/// The system's own ``MonotonicClock``.
///
/// `CLOCK_BOOTTIME`, since what is known ages while a machine is suspended, too. Any thread may call it.
/// - Returns: Nanoseconds since the machine was started.
public func systemClock() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Int64(now.tv_sec) * nanosecondsPerSecond + Int64(now.tv_nsec)
}

let nanosecondsPerSecond: Int64 = 1_000_000_000
