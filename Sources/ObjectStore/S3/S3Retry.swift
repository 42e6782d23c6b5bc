import HTTPTransport
import Pages

/// How long and how often a request to S3 is tried.
public struct S3RetryLimits: Hashable, Sendable {
    /// How long one call may take in all, waits included.
    public var totalDeadline: Duration = .seconds(60)
    /// The most attempts after the first that bring nothing new; the deadline usually comes first.
    public var retriesMaximum = 100
    /// The first wait between attempts; each further one is twice as long.
    public var delayMinimum: Duration = .milliseconds(100)
    /// The longest wait between attempts.
    public var delayMaximum: Duration = .seconds(5)

    /// The default limits.
    public init() {}

    /// For the one request at mount time: an answer, good or bad, within five seconds.
    public static var check: S3RetryLimits {
        var limits = S3RetryLimits()
        limits.totalDeadline = .milliseconds(4500)
        limits.retriesMaximum = 2
        return limits
    }
}

/// Decides what follows a failed attempt.
///
/// Pure: no clock, no I/O, no randomness of its own.
struct S3Retry {
    /// What to do next.
    enum Step: Hashable {
        /// Try again after a wait.
        case again(after: Duration)
        /// The bucket is elsewhere: learn region or endpoint, then try again at once.
        case relocate(S3Answer)
        /// The clocks differ: take the server's time, then try again at once.
        case correctClock(serverTime: Int64)
        /// The credentials have expired: get fresh ones, then try again at once.
        case refreshCredentials
        /// Nothing will help.
        case giveUp(StoreError)
    }

    private let limits: S3RetryLimits
    private let object: String
    private var fruitless = 0
    private var hasRelocated = false
    private var hasCorrectedClock = false
    private var hasRefreshed = false

    /// Starts with no failure.
    /// - Parameters:
    ///   - limits: How long and how often.
    ///   - object: What is asked for, for the texts of errors.
    init(limits: S3RetryLimits, object: String) {
        self.limits = limits
        self.object = object
    }

    /// What to do after a failure.
    /// - Parameters:
    ///   - failure: What happened.
    ///   - elapsed: Since the call began.
    ///   - hasProgressed: Whether the attempt brought bytes that earlier ones had not.
    ///   - random: From 0 up to 1; spreads the waits of many callers.
    /// - Returns: What to do next.
    mutating func step(
        after failure: S3Failure,
        elapsed: Duration,
        hasProgressed: Bool,
        random: Double
    ) -> Step {
        fruitless = hasProgressed ? 0 : fruitless + 1
        switch failure {
        case .final(let error): return .giveUp(error)
        case .malformed(let text): return .giveUp(.corrupt("\(object): \(text)"))
        case .credentials(.notFound(let text)): return .giveUp(.denied("\(object): no credentials: \(text)"))
        case .credentials(.failed(let text)):
            return wait(elapsed, random, "\(object): no credentials: \(text)")
        case .transport(let error): return step(after: error, elapsed, random)
        case .refused(let answer): return step(after: answer, elapsed, random)
        }
    }

    private func step(after error: TransportError, _ elapsed: Duration, _ random: Double) -> Step {
        switch error {
        case .cannotConnect(let text), .timedOut(let text), .broken(let text):
            wait(elapsed, random, "\(object): \(text)")
        case .untrusted(let text): .giveUp(.unavailable("\(object): \(text)"))
        case .invalid(let text): .giveUp(.unsupported("\(object): \(text)"))
        case .tooLarge(let limit): .giveUp(.corrupt("\(object): the answer has more than \(limit) bytes"))
        case .stopped: .giveUp(.cancelled)
        }
    }

    private mutating func step(after answer: S3Answer, _ elapsed: Duration, _ random: Double) -> Step {
        if isRelocation(answer) {
            guard !hasRelocated else { return .giveUp(.unavailable("\(object): \(answer.summary)")) }
            hasRelocated = true
            return .relocate(answer)
        }
        if answer.code == "RequestTimeTooSkewed", let date = answer.date, !hasCorrectedClock {
            hasCorrectedClock = true
            return .correctClock(serverTime: date)
        }
        if ["ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"].contains(
            answer.code
        ) {
            guard !hasRefreshed else { return .giveUp(.denied("\(object): \(answer.summary)")) }
            hasRefreshed = true
            return .refreshCredentials
        }
        if isPassing(answer) { return wait(elapsed, random, "\(object): \(answer.summary)") }
        return .giveUp(verdict(answer))
    }

    private func isRelocation(_ answer: S3Answer) -> Bool {
        guard answer.region != nil || answer.endpoint != nil else { return false }
        if [301, 302, 307, 308].contains(answer.status) { return true }
        if answer.code == "AuthorizationHeaderMalformed" { return answer.region != nil }
        // A HEAD that was signed for the wrong region is refused without a document.
        return answer.status == 400 && answer.code.isEmpty && answer.region != nil
    }

    private static let passingCodes: Set<String> = [
        "SlowDown", "RequestTimeout", "InternalError", "Throttling", "OperationAborted", "BadDigest",
        "ConditionalRequestConflict", "XAmzContentChecksumMismatch",
    ]

    private func isPassing(_ answer: S3Answer) -> Bool {
        if [408, 429, 500, 502, 503, 504].contains(answer.status) { return true }
        return Self.passingCodes.contains(answer.code)
    }

    private func verdict(_ answer: S3Answer) -> StoreError {
        let text = "\(object): \(answer.summary)"
        if let error = S3Refusal.ofChange(answer, text) { return error }
        switch (answer.status, answer.code) {
        case (404, "NoSuchBucket"): return .unavailable("\(object): the bucket does not exist")
        case (404, _): return .notFound
        case (412, _), (416, _): return .stale
        case (403, "InvalidObjectState"):
            return .archived("\(object): the object is archived; restore it from its archive tier first")
        case (401, _), (403, _): return .denied(text)
        case (405, _), (501, _): return .unsupported(text)
        case (200..<300, _): return .corrupt("\(object): unexpected status \(answer.status)")
        default: return .unavailable(text)
        }
    }

    private func wait(_ elapsed: Duration, _ random: Double, _ text: String) -> Step {
        guard fruitless <= limits.retriesMaximum else { return .giveUp(.unavailable(text)) }
        let doublings = min(max(fruitless - 1, 0), 16)
        let longest = min(limits.delayMinimum * (1 << doublings), limits.delayMaximum)
        let delay = longest * (0.5 + random / 2)
        guard elapsed + delay < limits.totalDeadline else {
            return .giveUp(.unavailable("\(text) (given up after \(elapsed.roundedSeconds) s)"))
        }
        return .again(after: delay)
    }
}

extension Duration {
    /// Whole seconds, for texts.
    var roundedSeconds: Int64 { (self + .milliseconds(500)).components.seconds }
}
