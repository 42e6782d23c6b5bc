/// Which member an operation asks next, and after which pause; a plain value without I/O.
struct EtcdTries {
    /// What follows a failure.
    enum Next: Hashable {
        /// Another member is asked at once.
        case ask
        /// All members failed: a pause, then another round.
        case pause(Duration)
        /// All tries are used up.
        case giveUp
    }

    private let endpointCount: Int
    private let maximum: Int
    private let backoff: Backoff
    private var failures = 0
    /// The index of the member to ask.
    private(set) var endpoint: Int

    /// A first try.
    /// - Parameters:
    ///   - endpoint: The index of the member to ask first.
    ///   - count: How many members there are; at least 1.
    ///   - maximum: How often to try in all; each member is tried at least once.
    ///   - backoff: The pauses between rounds.
    init(startingAt endpoint: Int, of count: Int, maximum: Int, backoff: Backoff) {
        endpointCount = count
        self.endpoint = endpoint % count
        self.maximum = max(maximum, count)
        self.backoff = backoff
    }

    /// Whether some member was not asked yet.
    var hasUntriedMember: Bool { failures + 1 < endpointCount }

    /// Notes a failure and moves to the next member.
    /// - Parameter chance: A random number from 0 to 1, for the jitter.
    /// - Returns: What follows.
    mutating func failed(chance: Double) -> Next {
        failures += 1
        endpoint = (endpoint + 1) % endpointCount
        if failures >= maximum { return .giveUp }
        guard failures.isMultiple(of: endpointCount) else { return .ask }
        return .pause(backoff.pause(afterFailures: failures / endpointCount, chance: chance))
    }
}

/// Pauses that double up to a limit, each shortened by chance so that many clients don't come back at once.
struct Backoff: Hashable, Sendable {
    /// The pause after the first failure.
    var first: Duration
    /// The longest pause.
    var maximum: Duration

    /// A pause.
    /// - Parameters:
    ///   - failures: How many failures there were in a row; at least 1.
    ///   - chance: From 0, half of the pause, to 1, the whole.
    /// - Returns: A pause of at most ``maximum``.
    func pause(afterFailures failures: Int, chance: Double) -> Duration {
        let doublings = min(max(failures - 1, 0), 16)
        return min(first * (1 << doublings), maximum) * (0.5 + chance / 2)
    }
}
