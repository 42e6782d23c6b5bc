import Testing

@testable import Cluster

@Suite("Whether a worker is asked")
struct CircuitBreakerTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// A breaker that was opened at 0 with no jitter: for 0.75 of its time.
    private func opened(_ limits: BreakerLimits = BreakerLimits()) -> CircuitBreaker {
        var breaker = CircuitBreaker(limits)
        #expect(breaker.failed(weight: nil, at: at(0), chance: 0) == true)
        return breaker
    }

    @Test func `a worker that does not answer is left alone at once`() {
        var breaker = opened()
        #expect(breaker.admit(at: at(0)) == .refused)
        #expect(breaker.admit(at: at(0.74)) == .refused)
    }

    @Test func `three failures in a row open it, good answers between them do not`() {
        var breaker = CircuitBreaker(BreakerLimits())
        for _ in 0..<20 {
            #expect(breaker.failed(weight: 1, at: at(0), chance: 0) == false)
            breaker.succeeded()
        }
        #expect(breaker.failed(weight: 1, at: at(0), chance: 0) == false)
        #expect(breaker.failed(weight: 1, at: at(0), chance: 0) == false)
        #expect(breaker.isClosed)
        #expect(breaker.failed(weight: 1, at: at(0), chance: 0) == true)
        #expect(!breaker.isClosed)
    }

    @Test func `a worker that is slow again and again is left alone, one slow answer in a hundred is not`() {
        var breaker = CircuitBreaker(BreakerLimits())
        for index in 0..<10_000 {
            if index % 100 == 0 {
                #expect(breaker.wasSlow(at: at(0), chance: 0) == false)
            } else {
                breaker.succeeded()
            }
        }
        for _ in 0..<4 { #expect(breaker.wasSlow(at: at(0), chance: 0) == false) }
        #expect(breaker.wasSlow(at: at(0), chance: 0) == true)
    }

    @Test func `after its time one caller has it probed, and nobody waits for that`() {
        var breaker = opened()
        #expect(breaker.admit(at: at(0.75)) == .probeDue)
        #expect(breaker.admit(at: at(0.75)) == .refused)
        #expect(breaker.admit(at: at(100)) == .refused)
    }

    @Test func `after a good probe one reader tries, and the others follow if it went well`() {
        var breaker = opened()
        _ = breaker.admit(at: at(1))
        breaker.probed(isWell: true, at: at(1), chance: 0)
        #expect(breaker.admit(at: at(1)) == .pass)
        #expect(breaker.admit(at: at(1)) == .refused)
        breaker.succeeded()
        #expect(breaker.isClosed)
        #expect(breaker.admit(at: at(1)) == .pass)
    }

    @Test func `a reader that learnt nothing lets the next one try`() {
        var breaker = opened()
        _ = breaker.admit(at: at(1))
        breaker.probed(isWell: true, at: at(1), chance: 0)
        #expect(breaker.admit(at: at(1)) == .pass)
        breaker.released()
        #expect(breaker.admit(at: at(1)) == .pass)
    }

    @Test func `each time that it is still not well it is left alone for twice as long, up to a limit`() {
        var breaker = opened()
        var now = 0.0
        for (round, seconds) in [0.75, 1.5, 3, 6, 12, 22.5, 22.5, 22.5].enumerated() {
            #expect(breaker.admit(at: at(now + seconds - 0.01)) == .refused, "round \(round)")
            #expect(breaker.admit(at: at(now + seconds)) == .probeDue, "round \(round)")
            now += seconds
            breaker.probed(isWell: false, at: at(now), chance: 0)
        }
    }

    @Test func `a failed trial opens it again, for longer`() {
        var breaker = opened()
        _ = breaker.admit(at: at(1))
        breaker.probed(isWell: true, at: at(1), chance: 0)
        _ = breaker.admit(at: at(1))
        #expect(breaker.failed(weight: 1, at: at(1), chance: 0) == true)
        #expect(breaker.admit(at: at(2.4)) == .refused)
        #expect(breaker.admit(at: at(2.5)) == .probeDue)
    }

    @Test func `clients do not come back in step`() {
        var breaker = CircuitBreaker(BreakerLimits())
        _ = breaker.failed(weight: nil, at: at(0), chance: 0.999)
        #expect(breaker.admit(at: at(1.24)) == .refused)
        #expect(breaker.admit(at: at(1.25)) == .probeDue)
    }

    @Test func `late failures of requests from before change nothing`() {
        var breaker = opened()
        #expect(breaker.failed(weight: nil, at: at(0.5), chance: 1) == false)
        breaker.succeeded()
        #expect(breaker.admit(at: at(0.75)) == .probeDue)
        #expect(breaker.failed(weight: nil, at: at(0.75), chance: 1) == false)
        breaker.probed(isWell: true, at: at(0.8), chance: 0)
        #expect(breaker.admit(at: at(0.8)) == .pass)
    }
}

@Suite("How long a worker is waited for")
struct FirstByteTimesTests {
    private func times(_ peers: [String: Int64], store: Int64? = nil, count: Int = 100)
        -> FirstByteTimes<String>
    {
        var times = FirstByteTimes<String>()
        for (peer, milliseconds) in peers {
            for _ in 0..<count { times.add(milliseconds * 1_000_000, of: peer) }
        }
        if let store { for _ in 0..<count { times.addStore(store * 1_000_000) } }
        return times
    }

    private func limit(_ times: FirstByteTimes<String>) -> Int64? {
        times.limit(of: "a", HedgeLimits()).map { $0 / 1_000_000 }
    }

    @Test func `without a measure there is no limit, and a worker is not its own measure`() {
        #expect(limit(times([:])) == nil)
        #expect(limit(times(["a": 500])) == nil)
        #expect(limit(times(["b": 500], count: 19)) == nil)
    }

    @Test func `three times what its peers take, the middle one of them, and never below the floor`() {
        #expect(limit(times(["b": 1])) == 100)
        #expect(limit(times(["b": 200])) == 600)
        #expect(limit(times(["b": 1, "c": 1, "d": 5000])) == 100)
        #expect(limit(times(["a": 9000, "b": 50, "c": 50])) == 150)
    }

    @Test func `without peers the store is the measure`() {
        #expect(limit(times([:], store: 70)) == 210)
    }

    @Test func `a worker that has to ask the store first is not slow for that`() {
        #expect(limit(times(["b": 1], store: 150, count: 20)) == 450)
    }

    @Test func `the last 128 times count`() {
        var times = times(["b": 1000])
        for _ in 0..<144 { times.add(40_000_000, of: "b") }
        #expect(limit(times) == 120)
    }

    @Test func `one time in a hundred is not what a worker usually takes`() {
        var times = FirstByteTimes<String>()
        for index in 0..<128 { times.add(index == 50 ? 1_000_000_000 : 50_000_000, of: "b") }
        #expect(limit(times) == 150)
    }

    @Test func `workers that are gone are forgotten`() {
        var times = times(["b": 200])
        times.keep { $0 == "a" }
        #expect(limit(times) == nil)
    }
}
