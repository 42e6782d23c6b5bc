/// When a worker counts as slow.
public struct HedgeLimits: Hashable, Sendable {
    /// A worker never counts as slow before this.
    public var floor: Duration = .milliseconds(100)
    /// How many times its peers' 99th percentile, and the store's median, a worker may take; at least 1.
    public var factor = 3
    /// How many times must be known of a peer before it is a measure, 1...``RecentTimes/capacity``.
    public var samplesMinimum = 20

    /// The default limits.
    public init() {}
}

/// The last first-byte times of one worker, or of the store.
///
/// At most ``capacity`` of them; the quantiles are counted anew after each ``refreshInterval`` times.
struct RecentTimes: Sendable {
    /// How many times are kept.
    static let capacity = 128
    private static let refreshInterval = 16

    private var times: [Int64] = []
    private var next = 0
    private var fresh = 0
    private(set) var median: Int64 = 0
    private(set) var percentile99: Int64 = 0

    /// How many times are known, at most ``capacity``.
    var count: Int { times.count }

    /// Notes a time in nanoseconds.
    mutating func add(_ nanoseconds: Int64) {
        if times.count < Self.capacity {
            times.append(nanoseconds)
        } else {
            times[next] = nanoseconds
            next = (next + 1) % Self.capacity
        }
        fresh += 1
        guard fresh >= Self.refreshInterval || times.count <= Self.refreshInterval else { return }
        fresh = 0
        let sorted = times.sorted()
        median = sorted[sorted.count / 2]
        percentile99 = sorted[(sorted.count * 99 - 1) / 100]
    }
}

/// How long workers and store take to the first byte, and so how long a worker is waited for.
///
/// A plain value; whoever owns it guards it.
struct FirstByteTimes<Worker: Hashable & Sendable>: Sendable {
    /// How many times the store's median must be made of.
    private static var storeSamplesMinimum: Int { 4 }

    private var workers: [Worker: RecentTimes] = [:]
    private var store = RecentTimes()

    /// Notes how long a worker took; for one that was not waited for, how long it was waited for.
    mutating func add(_ nanoseconds: Int64, of worker: Worker) {
        workers[worker, default: RecentTimes()].add(nanoseconds)
    }

    /// Notes how long the store took.
    mutating func addStore(_ nanoseconds: Int64) { store.add(nanoseconds) }

    /// Forgets workers that are gone.
    mutating func keep(_ isKept: (Worker) -> Bool) { workers = workers.filter { isKept($0.key) } }

    /// How long a worker is waited for, in nanoseconds; nil while there is nothing to measure it by.
    ///
    /// The middle one of its peers' 99th percentiles is the measure, so that one slow peer is none; without
    /// peers the store is. A worker that first has to ask the store itself is not slow for that: a multiple
    /// of the store's own median is always granted.
    func limit(of worker: Worker, _ limits: HedgeLimits) -> Int64? {
        var peers: [Int64] = []
        for (peer, times) in workers where peer != worker && times.count >= limits.samplesMinimum {
            peers.append(times.percentile99)
        }
        if peers.isEmpty, store.count >= limits.samplesMinimum { peers.append(store.percentile99) }
        guard !peers.isEmpty else { return nil }
        peers.sort()
        let usual = store.count >= Self.storeSamplesMinimum ? store.median : 0
        let measure = max(peers[peers.count / 2], usual)
        let (product, overflow) = measure.multipliedReportingOverflow(by: Int64(max(limits.factor, 1)))
        return max(overflow ? .max : product, limits.floor.wholeNanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, as far as 64 bits reach.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
    }
}
