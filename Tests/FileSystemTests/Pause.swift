import Glibc

/// Lets other threads run for a millisecond.
func pauseBriefly() {
    usleep(1000)
}

/// Waits until a condition holds.
/// - Returns: Whether it came to hold within ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        pauseBriefly()
    }
    return condition()
}
