import SeededRandom
import Testing

@testable import ObjectStore

@Suite struct RefreshStateTests {
    private let error = CredentialsError.failed("no answer")

    private func keys(_ id: String, expires: Int64? = nil) -> Credentials {
        Credentials(accessKeyID: id, secretAccessKey: "secret", expires: expires)
    }

    @Test func nothingIsHeldAtFirst() {
        #expect(RefreshState().decide(now: 1000) == .fetch)
    }

    @Test func credentialsWithoutEndAreUsedForEver() {
        var state = RefreshState()
        state.fetched(keys("a"), recheck: nil, now: 1000)
        #expect(state.decide(now: 1000) == .use(keys("a")))
        #expect(state.decide(now: .max) == .use(keys("a")))
    }

    @Test func credentialsAreFetchedAnewFiveMinutesBeforeTheirEnd() {
        var state = RefreshState()
        let hour = keys("a", expires: 4600)
        state.fetched(hour, recheck: nil, now: 1000)
        #expect(state.decide(now: 4299) == .use(hour))
        #expect(state.decide(now: 4300) == .useAndFetch(hour))
        #expect(state.decide(now: 4599) == .useAndFetch(hour))
        #expect(state.decide(now: 4600) == .fetch)
    }

    @Test func shortLivedCredentialsAreFetchedAnewInTheirLastQuarter() {
        var state = RefreshState()
        let short = keys("a", expires: 1400)
        state.fetched(short, recheck: nil, now: 1000)
        #expect(state.decide(now: 1299) == .use(short))
        #expect(state.decide(now: 1300) == .useAndFetch(short))
    }

    @Test func credentialsThatCameExpiredAreTrustedForTheGrace() {
        var state = RefreshState()
        let old = keys("a", expires: 500)
        state.fetched(old, recheck: nil, now: 1000)
        #expect(state.decide(now: 1014) == .use(old))
        #expect(state.decide(now: 1015) == .useAndFetch(old))
        #expect(state.decide(now: 1059) == .useAndFetch(old))
        #expect(state.decide(now: 1060) == .fetch)
    }

    @Test func aFailedRefreshIsTriedAgainAfterAPauseWhileTheOldAreUsed() {
        var state = RefreshState()
        let hour = keys("a", expires: 4600)
        state.fetched(hour, recheck: nil, now: 1000)
        state.failed(error, now: 4300)
        #expect(state.decide(now: 4301) == .use(hour))
        #expect(state.decide(now: 4314) == .use(hour))
        #expect(state.decide(now: 4315) == .useAndFetch(hour))
    }

    @Test func aFailureWithNothingToUseIsHeldForASecond() {
        var state = RefreshState()
        state.failed(error, now: 1000)
        #expect(state.decide(now: 1000) == .fail(error))
        #expect(state.decide(now: 1001) == .fetch)
    }

    @Test func aFailureOfTheFutureIsNotHeldWhenTheClockWasSetBack() {
        var state = RefreshState()
        state.failed(error, now: 100_000)
        #expect(state.decide(now: 1000) == .fetch)
    }

    @Test func aRecheckIsAskedForWithoutAnEnd() {
        var state = RefreshState()
        state.fetched(keys("a"), recheck: 10, now: 1000)
        #expect(state.decide(now: 1009) == .use(keys("a")))
        #expect(state.decide(now: 1010) == .useAndFetch(keys("a")))
        state.fetched(keys("b"), recheck: 10, now: 1010)
        #expect(state.decide(now: 1011) == .use(keys("b")))
    }

    @Test func refusedCredentialsAreNotUsedAgain() {
        var state = RefreshState()
        state.fetched(keys("a"), recheck: nil, now: 1000)
        state.refused(keys("a"), now: 1001)
        #expect(state.decide(now: 1001) == .fetch)
        state.fetched(keys("b"), recheck: nil, now: 1002)
        #expect(state.decide(now: 1002) == .use(keys("b")))
    }

    @Test func aLateRefusalOfOldCredentialsChangesNothing() {
        var state = RefreshState()
        state.fetched(keys("b"), recheck: nil, now: 1000)
        state.refused(keys("a"), now: 1001)
        #expect(state.decide(now: 1001) == .use(keys("b")))
    }

    @Test func aRefusalThatBroughtTheSameAgainIsNotRepeatedAtOnce() {
        var state = RefreshState()
        state.fetched(keys("a"), recheck: nil, now: 1000)
        state.refused(keys("a"), now: 1001)
        state.fetched(keys("a"), recheck: nil, now: 1002)
        state.refused(keys("a"), now: 1006)
        #expect(state.decide(now: 1006) == .use(keys("a")))
        state.refused(keys("a"), now: 1007)
        #expect(state.decide(now: 1007) == .fetch)
    }

    @Test func refusedCredentialsAreNotUsedWhenTheFetchFails() {
        var state = RefreshState()
        state.fetched(keys("a"), recheck: nil, now: 1000)
        state.refused(keys("a"), now: 1001)
        state.failed(error, now: 1001)
        #expect(state.decide(now: 1001) == .fail(error))
        #expect(state.decide(now: 1002) == .fetch)
    }

    @Test(arguments: [Int64.min, -1, 0, 1, .max])
    func noTimeOverflows(_ time: Int64) {
        var state = RefreshState()
        for expires in [Int64.min, -1, 0, .max] {
            state.fetched(keys("a", expires: expires), recheck: .max, now: time)
            state.refused(keys("a", expires: expires), now: time)
            state.failed(error, now: time)
            _ = state.decide(now: .max)
            _ = state.decide(now: .min)
        }
    }

    @Test func randomEventsNeverMakeItUseExpiredOrRefusedCredentials() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var state = RefreshState()
        var now: Int64 = 1_000_000
        var current: (keys: Credentials, at: Int64)?
        var isRefused = false
        for round in 0..<20_000 {
            now += Int64.random(in: 0...200, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let next = keys("\(round)", expires: now + Int64.random(in: -100...4000, using: &random))
                state.fetched(next, recheck: nil, now: now)
                current = (next, now)
                isRefused = false
            case 1:
                state.failed(error, now: now)
            case 2:
                guard let current else { continue }
                state.refused(current.keys, now: now)
                isRefused = true
            default:
                switch state.decide(now: now) {
                case .use(let keys), .useAndFetch(let keys):
                    let isGood = current.map {
                        keys == $0.keys && max($0.keys.expires ?? 0, $0.at + 60) > now
                    }
                    #expect(isGood == true && !isRefused, "seed \(seed), round \(round)")
                case .fetch, .fail:
                    let isGood = current.map { max($0.keys.expires ?? 0, $0.at + 60) > now } ?? false
                    #expect(!isGood || isRefused, "seed \(seed), round \(round)")
                }
            }
        }
    }
}
