/// How long to wait before a request is repeated.
///
/// A value of one request; no I/O.
struct RetryPauses {
    private let longest: Duration
    private var next: Duration

    /// - Parameters:
    ///   - first: The pause after the first failure.
    ///   - longest: The longest pause, unless the server asks for more.
    init(first: Duration, longest: Duration) {
        self.longest = longest
        next = first
    }

    /// The pause after one more failure: twice the last one, or what the server asks for, spread by half so
    /// that the plugins of a cluster do not come back together.
    /// - Parameters:
    ///   - asked: What the server asked for, or nil.
    ///   - left: The time before the deadline.
    ///   - spread: Where in the spread, 0 to 1.
    /// - Returns: The pause, or nil if the deadline would pass in it.
    mutating func pause(asked: Duration?, left: Duration, spread: Double) -> Duration? {
        let base = max(next, asked ?? .zero)
        next = min(next * 2, longest)
        // Never before the time that was asked for.
        let pause = asked == nil ? base * (0.5 + spread / 2) : base * (1 + spread / 10)
        return pause < left ? pause : nil
    }
}
