import NIOCore

/// What a connection waits for, and until when.
///
/// Pure. A connection looks at it every ``ServerContext/tick``, so a deadline is that much late at most.
struct ConnectionDeadline: Equatable, Sendable {
    /// What is waited for.
    enum Phase: Equatable, Sendable {
        /// A request.
        case request
        /// The rest of a request.
        case body
        /// The answer, or its next part.
        case answer
        /// The peer, to take what was written.
        case peer
        /// The rest of a request that nobody wants.
        case drain
    }

    private(set) var phase = Phase.request
    private var end: NIODeadline
    private var unwritten = 0
    private let idle: TimeAmount
    private let stall: TimeAmount
    private let answer: TimeAmount

    /// What is left of a refused request is waited for no longer than this.
    private static let drain = TimeAmount.seconds(5)

    init(_ options: HTTPServerOptions, now: NIODeadline) {
        idle = TimeAmount(options.idleTimeout)
        stall = TimeAmount(options.stallTimeout)
        answer = TimeAmount(options.answerTimeout)
        end = now + idle
    }

    /// Begins to wait for something.
    mutating func wait(for phase: Phase, now: NIODeadline) {
        self.phase = phase
        unwritten = .max
        switch phase {
        case .request: end = now + idle
        case .body, .peer: end = now + stall
        case .answer: end = now + answer
        case .drain: end = now + min(stall, Self.drain)
        }
    }

    /// Notes that bytes came from the peer.
    mutating func progress(now: NIODeadline) {
        if phase == .body { end = now + stall }
    }

    /// Whether the wait is over.
    /// - Parameters:
    ///   - now: The time.
    ///   - left: Bytes that the peer has not taken yet; a peer that took some gets more time.
    /// - Returns: `true` once the deadline has passed without progress.
    mutating func isOver(now: NIODeadline, unwritten left: Int) -> Bool {
        if phase == .peer, left < unwritten {
            unwritten = left
            end = now + stall
        }
        return now >= end
    }
}
