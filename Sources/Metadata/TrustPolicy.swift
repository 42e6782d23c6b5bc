/// Until when an answer of the store is trusted, by the time at which its request was sent.
///
/// Pure.
///
/// An answer is trusted while `now < until`, so an answer with `until == requested` never is.
struct TrustPolicy: Sendable {
    /// The sync interval in nanoseconds; nil: for ever; 0: files and absences are not trusted at all.
    let interval: Int64?

    init(interval: Duration?) {
        self.interval = interval.map(Self.nanoseconds)
    }

    /// Whether files and absences are asked of the store every time.
    var asksEveryTime: Bool { interval == 0 }

    /// Until when an answer to a request for one name is trusted.
    /// - Parameters:
    ///   - kind: What the name stands for; nil: there is no such name.
    ///   - requested: When the request was sent.
    /// - Returns: The first moment at which it is not trusted.
    func trustEnd(of kind: EntryKind?, requested: Int64) -> Int64 {
        guard let interval else { return .max }
        let trusted = kind == .directory ? max(interval, NamespaceLimits.directoryTrustMinimum) : interval
        return requested.addingSaturated(trusted)
    }

    /// Until when a listing is trusted for a name.
    /// - Parameters:
    ///   - kind: What the name stands for; nil: the listing does not have it.
    ///   - begun: When its first page was requested.
    ///   - renewed: When its last page was requested or a reader last went on in it, whichever is later.
    /// - Returns: The first moment at which it is not trusted.
    func trustEnd(of kind: EntryKind?, begun: Int64, renewed: Int64) -> Int64 {
        guard let interval else { return .max }
        let last = begun.addingSaturated(max(interval, NamespaceLimits.listingTrustMaximum))
        return min(trustEnd(of: kind, requested: renewed), last)
    }

    /// The oldest request whose answer satisfies a question asked now.
    func oldestRequest(satisfying asked: Int64, kind: EntryKind?) -> Int64 {
        guard let interval else { return .min }
        return asked - (kind == .directory ? max(interval, NamespaceLimits.directoryTrustMinimum) : interval)
    }

    /// For how much longer something is trusted, as users of the cache are told.
    func remaining(until end: Int64, now: Int64) -> Duration? {
        end == .max ? nil : .nanoseconds(max(0, end - now))
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: NamespaceLimits.second)
        return overflow ? .max : max(0, product.addingSaturated(attoseconds / 1_000_000_000))
    }
}

extension Int64 {
    /// The sum, or the largest value if it does not fit.
    ///
    /// `other` is not negative.
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
