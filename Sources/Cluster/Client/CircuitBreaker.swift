/// When a worker is left alone, and for how long.
public struct BreakerLimits: Hashable, Sendable {
    /// How much failure opens the breaker; at least 1.
    ///
    /// A connection or an answer that does not come counts as all of it, other failures as 1; each good
    /// answer takes 1 away.
    public var strikesMaximum = 3
    /// How many more slow answers than others open the breaker; at least 1.
    public var slowMaximum = 5
    /// How long it stays open at first; doubled each time that the worker is still not well.
    public var openMinimum: Duration = .seconds(1)
    /// The longest that it stays open.
    public var openMaximum: Duration = .seconds(30)

    /// The default limits.
    public init() {}
}

/// Whether a worker is asked: a state machine without clock, chance and I/O.
///
/// *Closed*, the worker is asked. *Open*, it is not, for a time. Then the first who would ask it makes it be
/// *probed*, aside, without waiting. After a good probe it is *half open*: one reader tries it, and all
/// others go elsewhere until that one tells.
struct CircuitBreaker: Sendable {
    /// Where a breaker is.
    enum State: Hashable, Sendable {
        case closed
        case open(until: ContinuousClock.Instant)
        case probing
        case halfOpen(isTried: Bool)
    }

    /// What a caller may do.
    enum Admission: Hashable, Sendable {
        /// Ask, and tell.
        case pass
        /// Go elsewhere.
        case refused
        /// Go elsewhere, and have the worker probed.
        case probeDue
    }

    private(set) var state = State.closed
    private let limits: BreakerLimits
    private var strikes = 0
    private var slowness = 0
    /// How often it was opened without a good answer since.
    private var openings = 0

    /// A closed breaker.
    init(_ limits: BreakerLimits) {
        self.limits = limits
    }

    /// Whether the worker is asked by everybody.
    var isClosed: Bool { state == .closed }

    /// Asks to ask the worker.
    mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        switch state {
        case .closed: return .pass
        case .probing, .halfOpen(isTried: true): return .refused
        case .halfOpen(isTried: false):
            state = .halfOpen(isTried: true)
            return .pass
        case .open(let until):
            guard now >= until else { return .refused }
            state = .probing
            return .probeDue
        }
    }

    /// Notes a good answer in good time.
    mutating func succeeded() {
        strikes = max(0, strikes - 1)
        slowness = max(0, slowness - 1)
        guard case .halfOpen = state else { return }
        self = CircuitBreaker(limits)
    }

    /// Notes a failure.
    /// - Parameters:
    ///   - weight: How much it counts; nil opens at once.
    ///   - now: When.
    ///   - chance: 0..<1, so that clients do not come back in step.
    /// - Returns: Whether the breaker was opened by it.
    mutating func failed(weight: Int?, at now: ContinuousClock.Instant, chance: Double) -> Bool {
        strikes += weight ?? limits.strikesMaximum
        return openIfNeeded(strikes >= limits.strikesMaximum, now, chance)
    }

    /// Notes an answer that took too long, or was not waited for.
    /// - Returns: Whether the breaker was opened by it.
    mutating func wasSlow(at now: ContinuousClock.Instant, chance: Double) -> Bool {
        slowness += 1
        return openIfNeeded(slowness >= limits.slowMaximum, now, chance)
    }

    /// Notes that an admitted caller learnt nothing of the worker's health.
    mutating func released() {
        if state == .halfOpen(isTried: true) { state = .halfOpen(isTried: false) }
    }

    /// Notes how a probe went.
    mutating func probed(isWell: Bool, at now: ContinuousClock.Instant, chance: Double) {
        guard state == .probing else { return }
        if isWell { state = .halfOpen(isTried: false) } else { open(now, chance) }
    }

    private mutating func openIfNeeded(_ isOver: Bool, _ now: ContinuousClock.Instant, _ chance: Double)
        -> Bool
    {
        switch state {
        case .closed where isOver, .halfOpen:
            open(now, chance)
            return true
        case .closed, .open, .probing: return false
        }
    }

    private mutating func open(_ now: ContinuousClock.Instant, _ chance: Double) {
        let doublings = min(openings, Self.doublingsMaximum)
        let time = min(limits.openMinimum * (1 << doublings), limits.openMaximum)
        openings += 1
        strikes = 0
        slowness = 0
        state = .open(until: now + time * (0.75 + chance / 2))
    }

    /// Beyond that every sensible time is at its maximum.
    private static let doublingsMaximum = 16
}
