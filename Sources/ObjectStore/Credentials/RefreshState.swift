/// When credentials are fetched anew, and what is used meanwhile: a state machine without I/O.
///
/// Times are seconds since 1970, from the caller's clock.
///
/// ```
///            fetched                      refreshAt passes
///   empty ------------> fresh --------------------------------> due: use the old, one thread fetches
///     ^                   ^                                       |
///     |                   +------------- fetched -----------------+
///     +-- usableUntil passes, or the store refused them: everyone waits for one thread's fetch
/// ```
struct RefreshState: Sendable {
    /// The limits of the machine, in seconds.
    struct Limits: Sendable {
        /// How long before their end credentials are fetched anew, unless they live for a short time only.
        var window: Int64 = 300
        /// For how long credentials that were fetched just now are used whatever their end says: the clock
        /// of this machine may be wrong, and a metadata service may hand out old ones for a moment.
        var grace: Int64 = 60
        /// The least time between two fetches while there is something to use.
        var pauseMinimum: Int64 = 15
        /// How long a failure is given to others who ask, when there is nothing to use.
        var failureHold: Int64 = 1
        /// How long a refusal by the store is ignored after a fetch has brought the same credentials again.
        var refusalHold: Int64 = 5
    }

    /// What to do for one caller.
    enum Decision: Equatable {
        /// Use these.
        case use(Credentials)
        /// Use these, and fetch new ones if no other thread is at it.
        case useAndFetch(Credentials)
        /// There is nothing to use: fetch, or wait for the thread that does.
        case fetch
        /// A fetch failed just now; do not ask again yet.
        case fail(CredentialsError)
    }

    private struct Held: Sendable {
        var credentials: Credentials
        var refreshAt: Int64?
        var usableUntil: Int64?
        var isRefused = false
        /// When a fetch after a refusal brought the same credentials.
        var confirmedAt: Int64?
    }

    private let limits: Limits
    private var held: Held?
    private var failure: (error: CredentialsError, at: Int64)?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Decides for one caller.
    func decide(now: Int64) -> Decision {
        if let held, !held.isRefused, held.usableUntil.map({ now < $0 }) ?? true {
            guard let refreshAt = held.refreshAt, now >= refreshAt else { return .use(held.credentials) }
            if isHolding(for: limits.pauseMinimum, now: now) { return .use(held.credentials) }
            return .useAndFetch(held.credentials)
        }
        if let failure, isHolding(for: limits.failureHold, now: now) { return .fail(failure.error) }
        return .fetch
    }

    /// A fetch brought credentials; `recheck`: look again after so many seconds although they do not end.
    mutating func fetched(_ credentials: Credentials, recheck: Int64?, now: Int64) {
        failure = nil
        var next = Held(credentials: credentials)
        if let expires = credentials.expires {
            let lifetime = max(0, saturating(expires, minus: now))
            let early = saturating(expires, minus: min(limits.window, lifetime / 4))
            next.refreshAt = max(early, saturating(now, plus: limits.pauseMinimum))
            next.usableUntil = max(expires, saturating(now, plus: limits.grace))
        }
        if let recheck {
            let soon = saturating(now, plus: max(1, recheck))
            next.refreshAt = min(next.refreshAt ?? soon, soon)
        }
        if let held, held.credentials == credentials, held.isRefused || held.confirmedAt != nil {
            next.confirmedAt = held.isRefused ? now : held.confirmedAt
        }
        held = next
    }

    /// A fetch failed; what is still usable goes on being used.
    mutating func failed(_ error: CredentialsError, now: Int64) {
        failure = (error, now)
    }

    /// The store refused credentials.
    mutating func refused(_ used: Credentials, now: Int64) {
        guard let current = held, current.credentials == used else { return }
        let isConfirmed = current.confirmedAt.map { at in
            now >= at && now < saturating(at, plus: limits.refusalHold)
        }
        if isConfirmed != true { held?.isRefused = true }
    }

    /// A clock that was set back must not hold a failure for ever, so the future counts as long ago.
    private func isHolding(for seconds: Int64, now: Int64) -> Bool {
        guard let failure else { return false }
        return now >= failure.at && now < saturating(failure.at, plus: seconds)
    }

    private func saturating(_ left: Int64, plus right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? (right > 0 ? .max : .min) : sum
    }

    private func saturating(_ left: Int64, minus right: Int64) -> Int64 {
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? (right > 0 ? .min : .max) : difference
    }
}
