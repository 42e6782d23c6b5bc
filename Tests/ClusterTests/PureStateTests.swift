import Testing

@testable import Cluster

@Suite struct PureStateTests {
    private let backoff = Backoff(first: .milliseconds(500), maximum: .seconds(5))

    @Test func `an operation asks each member once before it pauses, and five times in all`() {
        var tries = EtcdTries(startingAt: 1, of: 2, maximum: 5, backoff: backoff)
        var asked = [tries.endpoint]
        var steps: [EtcdTries.Next] = []
        while steps.last != .giveUp {
            steps.append(tries.failed(chance: 1))
            asked.append(tries.endpoint)
        }
        #expect(asked.dropLast() == [1, 0, 1, 0, 1])
        #expect(
            steps == [.ask, .pause(.milliseconds(500)), .ask, .pause(.seconds(1)), .giveUp]
        )
    }

    @Test func `more members than tries are each asked once`() {
        var tries = EtcdTries(startingAt: 0, of: 7, maximum: 5, backoff: backoff)
        let steps = (0..<7).map { _ in tries.failed(chance: 0.5) }
        #expect(steps == Array(repeating: .ask, count: 6) + [.giveUp])
    }

    @Test func `pauses double from half a second to five, and chance takes up to half of each`() {
        let whole = (1...6).map { backoff.pause(afterFailures: $0, chance: 1) }
        let expected: [Duration] = [
            .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5),
        ]
        #expect(whole == expected)
        #expect(backoff.pause(afterFailures: 3, chance: 0) == .seconds(1))
        #expect(backoff.pause(afterFailures: 1_000_000, chance: 1) == .seconds(5))
    }

    private var settings: FeedSchedule.Settings {
        FeedSchedule.Settings(
            refreshInterval: .seconds(120),
            pollInterval: .seconds(30),
            backoff: backoff
        )
    }

    @Test func `a feed watches for its refresh interval and then reads again at once`() {
        var schedule = FeedSchedule(settings)
        var steps: [FeedSchedule.Step] = []
        for end in [EtcdWatchEnd.timeUp, .compacted, .timeUp] {
            steps.append(schedule.wasRead())
            steps.append(.pause(schedule.watchEnded(end, after: .seconds(120), chance: 1)))
        }
        #expect(steps == [[.watch(.seconds(120)), .pause(.zero)]].repeated(3))
    }

    @Test func `a feed polls after three useless watches, and tries a watch again after a refresh interval`()
    {
        var schedule = FeedSchedule(settings)
        for _ in 0..<3 {
            _ = schedule.wasRead()
            _ = schedule.watchEnded(.broken("x"), after: .milliseconds(3), chance: 1)
        }
        #expect(schedule.isPolling)
        let steps = (0..<5).map { _ in schedule.wasRead() }
        #expect(steps == [[.pause(.seconds(30))]].repeated(4) + [.watch(.seconds(120))])
    }

    @Test func `a watch that broke after a while does not turn a feed to polling`() {
        var schedule = FeedSchedule(settings)
        var steps: [FeedSchedule.Step] = []
        for _ in 0..<10 {
            steps.append(schedule.wasRead())
            steps.append(.pause(schedule.watchEnded(.broken("x"), after: .seconds(60), chance: 1)))
        }
        #expect(steps == [[.watch(.seconds(120)), .pause(.milliseconds(500))]].repeated(10))
    }

    @Test func `reads that fail come after longer and longer pauses, until one succeeds`() {
        var schedule = FeedSchedule(settings)
        var pauses = [schedule.readFailed(chance: 1), schedule.readFailed(chance: 1)]
        _ = schedule.wasRead()
        pauses.append(schedule.readFailed(chance: 1))
        #expect(pauses == [.milliseconds(500), .seconds(1), .milliseconds(500)])
    }

    @Test func `a copy of keys tells whether values changed, not whether they were written`() {
        func put(_ key: String, _ value: UInt8, _ revision: Int64) -> EtcdEntry {
            EtcdEntry(key: key, value: [value], modRevision: revision)
        }
        var mirror = EtcdMirror()
        let changes = [
            mirror.replace(with: [put("/a", 1, 1)]),
            mirror.replace(with: [put("/a", 1, 9)]),
            mirror.apply([.put(put("/a", 1, 10))]),
            mirror.apply([.put(put("/b", 2, 11))]),
            mirror.apply([.delete(key: "/c")]),
        ]
        #expect(changes == [true, false, false, true, false])
        #expect(mirror.sorted == [put("/a", 1, 10), put("/b", 2, 11)])
        let deletions = [mirror.apply([.delete(key: "/a")]), mirror.replace(with: [])]
        #expect(deletions == [true, true])
    }

    private let lease = EtcdLease(id: 7, timeToLive: .seconds(120))

    @Test func `a lease is renewed after a third of its time and given up after all of it`() {
        let start = ContinuousClock.now
        var schedule = LeaseSchedule(lease, at: start, checkInterval: .seconds(5))
        #expect(schedule.interval == .seconds(5))
        var steps = [schedule.step(at: start + .seconds(30)), schedule.step(at: start + .seconds(35))]
        schedule.wasRenewed(at: start + .seconds(35))
        steps += [schedule.step(at: start + .seconds(60)), schedule.step(at: start + .seconds(155))]
        #expect(steps == [.none, .renew(lease), .none, .grant])
        #expect(schedule.held == nil)
        schedule.wasGranted(EtcdLease(id: 8, timeToLive: .seconds(120)), at: start + .seconds(156))
        steps = [schedule.step(at: start + .seconds(157))]
        schedule.wasLost()
        steps.append(schedule.step(at: start + .seconds(158)))
        #expect(steps == [.none, .grant])
    }

    @Test func `a short lease is looked after more often than the check interval says`() {
        let short = EtcdLease(id: 7, timeToLive: .seconds(3))
        let schedule = LeaseSchedule(short, at: .now, checkInterval: .seconds(5))
        #expect(schedule.interval == .seconds(1))
    }
}

extension [[FeedSchedule.Step]] {
    /// The steps again and again, as one row.
    fileprivate func repeated(_ count: Int) -> [FeedSchedule.Step] {
        (0..<count).flatMap { _ in flatMap { $0 } }
    }
}
