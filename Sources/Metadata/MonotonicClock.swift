import Glibc

/// Nanoseconds since some point in the past; goes on while the machine sleeps, never backwards.
typealias MonotonicClock = @Sendable () -> Int64

/// The system's own clock.
///
/// `CLOCK_BOOTTIME`, since answers age while a machine is suspended, too.
func systemClock() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Int64(now.tv_sec) * NamespaceLimits.second + Int64(now.tv_nsec)
}
