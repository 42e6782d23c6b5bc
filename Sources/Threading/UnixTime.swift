import Glibc

/// The time of day in nanoseconds since 1970; jumps when somebody sets the clock.
///
/// Any thread may call it.
/// - Returns: The time.
public func unixTime() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
