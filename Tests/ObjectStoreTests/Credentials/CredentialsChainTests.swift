import Dispatch
import Foundation
import HTTPTransport
import Logging
import Synchronization
import Testing

@testable import ObjectStore

/// A provider that answers from a closure and counts.
private final class ScriptedProvider: CredentialsProvider {
    let name: String
    private let count = Atomic(0)
    private let answer: @Sendable (Int) throws(CredentialsError) -> ProviderAnswer

    init(
        _ name: String = "scripted",
        _ answer: @escaping @Sendable (Int) throws(CredentialsError) -> ProviderAnswer
    ) {
        self.name = name
        self.answer = answer
    }

    var fetches: Int { count.load(ordering: .relaxed) }

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        try answer(count.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}

@Suite struct CredentialsChainTests {
    private let clock = TestClock()

    private func chain(_ providers: any CredentialsProvider...) -> CredentialsChain {
        let clock = clock
        return CredentialsChain(
            providers: providers,
            configuration: SharedConfiguration(environment: [:]),
            logger: .quiet,
            now: { clock.now }
        )
    }

    private func keys(_ id: String, expires: Int64? = nil) -> Credentials {
        Credentials(accessKeyID: id, secretAccessKey: "secret", expires: expires)
    }

    private func usual(
        _ environment: [String: String],
        _ change: (inout CredentialsOptions) -> Void = { _ in }
    ) -> CredentialsChain {
        var options = CredentialsOptions(environment: environment)
        change(&options)
        return CredentialsChain(
            options: options,
            exchange: ScriptedExchange.unreachable(),
            metadata: ScriptedExchange.unreachable(),
            logger: .quiet
        )
    }

    @Test func thePlacesAreAskedInTheirOrder() throws {
        let scratch = try ScratchDirectory()
        try scratch.write(
            "[default]\naws_access_key_id=file\naws_secret_access_key=s\n[other]\naws_access_key_id=other\n"
                + "aws_secret_access_key=s\n",
            to: ".aws/credentials"
        )
        let home = ["HOME": scratch.path]
        let full = home.merging(["AWS_ACCESS_KEY_ID": "environment", "AWS_SECRET_ACCESS_KEY": "s"]) { $1 }
        #expect(try usual(home).credentials()?.accessKeyID == "file")
        #expect(try usual(full).credentials()?.accessKeyID == "environment")
        #expect(try usual(full) { $0.profile = "other" }.credentials()?.accessKeyID == "other")
        let set = usual(full) {
            $0.accessKeyID = "settings"
            $0.secretAccessKey = "s"
        }
        #expect(try set.credentials()?.accessKeyID == "settings")
    }

    @Test func nothingFoundIsOneLineWithAllPlaces() {
        let error = failureText { () throws(CredentialsError) in try usual([:]).credentials() }
        for place in [
            "mount settings", "environment", "web identity", "profile 'default'", "container credentials",
            "instance metadata", "AWS_ACCESS_KEY_ID", "anonymous",
        ] {
            #expect(error.contains(place), "\(error)")
        }
        #expect(!error.contains("\n"))
    }

    @Test func theNullDeviceIsNoSharedFile() throws {
        let environment = ["AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"]
        #expect(try SharedConfiguration(environment: environment).profile() == nil)
    }

    @Test func aPlaceThatFailsStopsTheChain() {
        let second = ScriptedProvider { (_) throws(CredentialsError) in
            .found(Credentials(accessKeyID: "x", secretAccessKey: "y"))
        }
        let first = ScriptedProvider { (_) throws(CredentialsError) in throw .failed("broken") }
        let error = failureText { () throws(CredentialsError) in try chain(first, second).credentials() }
        #expect(error == "broken")
        #expect(second.fetches == 0)
    }

    @Test func goodCredentialsComeFromMemory() throws {
        let provider = ScriptedProvider { [clock] (count) throws(CredentialsError) in
            .found(Credentials(accessKeyID: "\(count)", secretAccessKey: "s", expires: clock.now + 3600))
        }
        let chain = chain(provider)
        for _ in 0..<100 { #expect(try chain.credentials()?.accessKeyID == "1") }
        clock.advance(3301)
        for _ in 0..<100 { #expect(try chain.credentials()?.accessKeyID == "2") }
        #expect(provider.fetches == 2)
    }

    @Test func aFailedRefreshKeepsTheOldUntilTheirEnd() throws {
        let provider = ScriptedProvider { [clock] (count) throws(CredentialsError) in
            guard count == 1 else { throw .failed("away") }
            return .found(Credentials(accessKeyID: "1", secretAccessKey: "s", expires: clock.now + 3600))
        }
        let chain = chain(provider)
        _ = try chain.credentials()
        clock.advance(3400)
        for _ in 0..<10 { #expect(try chain.credentials()?.accessKeyID == "1") }
        #expect(provider.fetches == 2)
        clock.advance(200)
        #expect(failureText { () throws(CredentialsError) in try chain.credentials() } == "away")
    }

    @Test func manyThreadsWithNothingToUseCauseOneFetch() {
        let provider = ScriptedProvider { (count) throws(CredentialsError) in
            usleep(200_000)
            return .found(Credentials(accessKeyID: "\(count)", secretAccessKey: "s"))
        }
        let chain = chain(provider)
        let good = Atomic(0)
        concurrently(16) { _ in
            if (try? chain.credentials())??.accessKeyID == "1" { good.wrappingAdd(1, ordering: .relaxed) }
        }
        #expect(good.load(ordering: .relaxed) == 16)
        #expect(provider.fetches == 1)
    }

    @Test func manyThreadsWithNothingToUseShareOneFailure() {
        let provider = ScriptedProvider { (_) throws(CredentialsError) in
            usleep(200_000)
            throw .failed("away")
        }
        let chain = chain(provider)
        let failed = Atomic(0)
        concurrently(16) { _ in
            if failureText({ () throws(CredentialsError) in try chain.credentials() }) == "away" {
                failed.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(failed.load(ordering: .relaxed) == 16)
        #expect(provider.fetches == 1)
    }

    @Test func othersGoOnWithTheOldWhileOneFetches() throws {
        let isFetching = DispatchSemaphore(value: 0)
        let mayGoOn = DispatchSemaphore(value: 0)
        let provider = ScriptedProvider { [clock] (count) throws(CredentialsError) in
            if count == 2 {
                isFetching.signal()
                _ = mayGoOn.wait(timeout: .now() + 30)
            }
            return .found(
                Credentials(accessKeyID: "\(count)", secretAccessKey: "s", expires: clock.now + 3600)
            )
        }
        let chain = chain(provider)
        _ = try chain.credentials()
        clock.advance(3400)
        let fetched = Mutex<String?>(nil)
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            let id = (try? chain.credentials())??.accessKeyID
            fetched.withLock { $0 = id }
        }
        #expect(isFetching.wait(timeout: .now() + 30) == .success)
        for _ in 0..<100 { #expect(try chain.credentials()?.accessKeyID == "1") }
        mayGoOn.signal()
        #expect(group.wait(timeout: .now() + 30) == .success)
        #expect(fetched.withLock { $0 } == "2")
        #expect(try chain.credentials()?.accessKeyID == "2")
        #expect(provider.fetches == 2)
    }

    @Test func refusedCredentialsAreFetchedAnewOnceForAllWhoUsedThem() throws {
        let provider = ScriptedProvider { (count) throws(CredentialsError) in
            .found(Credentials(accessKeyID: "\(count)", secretAccessKey: "s"))
        }
        let chain = chain(provider)
        let first = try #require(try chain.credentials())
        concurrently(16) { _ in
            chain.invalidate(first)
            _ = try? chain.credentials()
        }
        #expect(try chain.credentials()?.accessKeyID == "2")
        #expect(provider.fetches == 2)
    }

    @Test func aChangedFileIsUsedWithoutARemount() throws {
        let scratch = try ScratchDirectory()
        let environment = ["HOME": scratch.path]
        let text = "[default]\naws_secret_access_key=s\naws_access_key_id="
        try scratch.write("\(text)one\n", to: ".aws/credentials")
        let configuration = SharedConfiguration(environment: environment)
        let chain = chain(ProfileProvider(configuration: configuration, environment: environment))
        #expect(try chain.credentials()?.accessKeyID == "one")
        try scratch.write("\(text)two\n", to: ".aws/credentials")
        clock.advance(ProfileProvider.recheckSeconds)
        #expect(try chain.credentials()?.accessKeyID == "two")
        try scratch.write("\(text)three\n", to: ".aws/credentials")
        chain.invalidate(Credentials(accessKeyID: "two", secretAccessKey: "s"))
        #expect(try chain.credentials()?.accessKeyID == "three")
    }

    @Test func anonymousIsNil() throws {
        #expect(try StaticCredentials.anonymous.credentials() == nil)
    }

    @Test func randomTimesAndThreadsNeverGiveExpiredCredentials() {
        let provider = ScriptedProvider { [clock] (count) throws(CredentialsError) in
            .found(Credentials(accessKeyID: "\(count)", secretAccessKey: "s", expires: clock.now + 600))
        }
        let chain = chain(provider)
        let wrong = Atomic(0)
        concurrently(8) { thread in
            for _ in 0..<5000 {
                if thread == 0 { clock.advance(1) }
                let before = clock.now
                guard let keys = (try? chain.credentials()) ?? nil, (keys.expires ?? 0) > before else {
                    wrong.wrappingAdd(1, ordering: .relaxed)
                    continue
                }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(provider.fetches >= 5000 / 600 && provider.fetches < 100)
    }
}

/// A clock that is moved by hand.
private final class TestClock: Sendable {
    private let seconds = Atomic<Int64>(1_000_000)

    var now: Int64 { seconds.load(ordering: .sequentiallyConsistent) }

    func advance(_ by: Int64) {
        seconds.wrappingAdd(by, ordering: .sequentiallyConsistent)
    }
}

extension Logger {
    /// A logger that prints nothing.
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
