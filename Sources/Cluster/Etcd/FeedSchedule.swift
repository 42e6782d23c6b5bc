/// When a feed reads, watches and pauses; a plain value without I/O.
///
/// Usually it reads once and watches for a whole refresh interval, then reads again, so that nothing is
/// missed for longer than that whatever happens to the watch. Where watches don't work it polls.
struct FeedSchedule {
    /// What a feed is asked for.
    struct Settings: Hashable, Sendable {
        /// How long one watch lasts, after which everything is read again.
        var refreshInterval: Duration
        /// The time between reads where watches don't work.
        var pollInterval: Duration
        /// The pauses after failures.
        var backoff: Backoff
        /// Whether changes are watched at all.
        var watches = true
    }

    /// What follows a read.
    enum Step: Hashable {
        /// A watch of at most this time.
        case watch(Duration)
        /// A pause, then another read.
        case pause(Duration)
    }

    /// A watch that broke sooner than this was of no use.
    static let usefulWatch: Duration = .seconds(1)
    /// So many useless watches in a row turn the feed to polling.
    static let uselessWatchesMaximum = 3

    private let settings: Settings
    private var failedReads = 0
    private var uselessWatches = 0
    private var pollsLeft = 0

    init(_ settings: Settings) { self.settings = settings }

    /// Whether the feed has turned to polling, by choice or since watches break.
    var isPolling: Bool { !settings.watches || pollsLeft > 0 }

    /// Notes that everything was read.
    mutating func wasRead() -> Step {
        failedReads = 0
        guard settings.watches else { return .pause(settings.pollInterval) }
        guard pollsLeft > 0 else { return .watch(settings.refreshInterval) }
        pollsLeft -= 1
        return .pause(settings.pollInterval)
    }

    /// Notes that a read failed.
    /// - Parameter chance: A random number from 0 to 1, for the jitter.
    /// - Returns: The pause before the next read.
    mutating func readFailed(chance: Double) -> Duration {
        failedReads += 1
        return settings.backoff.pause(afterFailures: failedReads, chance: chance)
    }

    /// Notes the end of a watch.
    /// - Parameters:
    ///   - end: Why it ended.
    ///   - time: How long it lasted.
    ///   - chance: A random number from 0 to 1, for the jitter.
    /// - Returns: The pause before the next read.
    mutating func watchEnded(_ end: EtcdWatchEnd, after time: Duration, chance: Double) -> Duration {
        guard case .broken = end else {
            uselessWatches = 0
            return .zero
        }
        uselessWatches = time < Self.usefulWatch ? uselessWatches + 1 : 0
        if uselessWatches >= Self.uselessWatchesMaximum {
            uselessWatches = 0
            // Then one more watch is tried, about once in a refresh interval.
            pollsLeft = max(1, Int((settings.refreshInterval / settings.pollInterval).rounded()))
        }
        return settings.backoff.pause(afterFailures: uselessWatches + 1, chance: chance)
    }
}
