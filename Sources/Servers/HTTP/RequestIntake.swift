import NIOHTTP1

/// Where one connection is between two requests: what to do with each part that comes, and when to close.
///
/// Pure. A body that is not wanted is read to its end only if it is short; else the answer goes out at once
/// and the connection ends after it, but not before the peer had a chance to read it.
struct RequestIntake: Equatable, Sendable {
    /// What the connection is doing.
    enum State: Equatable, Sendable {
        /// No request is there.
        case idle
        /// A head came; its body is collected up to `maximum` bytes, or dropped if that is nil.
        case receiving(left: Int, isKept: Bool)
        /// The request is being answered; `isComplete`: all of it has come.
        case answering(isComplete: Bool)
        /// The answer is out, the rest of the request is dropped until it ends.
        case draining(left: Int)
        /// Nothing more happens.
        case closed
    }

    /// What to do now.
    enum Action: Equatable, Sendable {
        case nothing
        /// Tell the peer to go on, and collect.
        case sendContinue
        /// Keep these bytes of the body.
        case keep
        /// Answer the request.
        case answer
        /// Answer that the body is too long.
        case refuseBody
        /// Wait for the next request.
        case next
        /// Close the connection.
        case close
    }

    /// Bodies that nobody wants are read up to this length, so that the connection can stay.
    static let droppedBytesMaximum = 64 << 10
    /// What is dropped at most after an answer that came early.
    static let drainedBytesMaximum = 16 << 20

    private(set) var state = State.idle
    /// Whether the connection stays open after the current answer.
    private(set) var keepsAlive = true
    private var expectsContinue = false

    /// A request has begun.
    /// - Parameters:
    ///   - head: Its head.
    ///   - maximum: The longest body that is wanted, in bytes.
    /// - Returns: What to do now.
    mutating func head(_ head: HTTPRequestHead, bodyMaximum maximum: Int) -> Action {
        guard state == .idle else { return .nothing }
        keepsAlive = head.isKeepAlive
        expectsContinue = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        let hasBody = (length ?? 0) > 0 || head.headers.contains(name: "transfer-encoding")
        guard hasBody else {
            state = .receiving(left: 0, isKept: false)
            return .nothing
        }
        if maximum > 0 {
            guard (length ?? 0) <= maximum else { return endEarly(.refuseBody) }
            state = .receiving(left: maximum, isKept: true)
            return expectsContinue ? .sendContinue : .nothing
        }
        guard !expectsContinue, let length, length <= Self.droppedBytesMaximum else {
            return endEarly(.answer)
        }
        state = .receiving(left: length, isKept: false)
        return .nothing
    }

    /// A part of the body came.
    mutating func body(_ count: Int) -> Action {
        switch state {
        case .receiving(let left, let isKept):
            guard count <= left else { return endEarly(.refuseBody) }
            state = .receiving(left: left - count, isKept: isKept)
            return isKept ? .keep : .nothing
        case .draining(let left):
            guard count <= left else { return close() }
            state = .draining(left: left - count)
            return .nothing
        case .idle, .answering, .closed: return .nothing
        }
    }

    /// The request has come to its end.
    mutating func end() -> Action {
        switch state {
        case .receiving:
            state = .answering(isComplete: true)
            return .answer
        case .answering:
            state = .answering(isComplete: true)
            return .nothing
        case .draining: return close()
        case .idle, .closed: return .nothing
        }
    }

    /// The answer is out.
    mutating func answered() -> Action {
        guard case .answering(let isComplete) = state else { return .nothing }
        if isComplete, keepsAlive {
            state = .idle
            return .next
        }
        // A peer that waits for permission sends no body.
        guard !isComplete, !expectsContinue else { return close() }
        state = .draining(left: Self.drainedBytesMaximum)
        return .nothing
    }

    /// The rest of the request does not come in time.
    mutating func giveUp() -> Action {
        guard case .receiving = state else { return close() }
        return endEarly(.answer)
    }

    /// The answer under way is the last one of the connection.
    mutating func endAfterAnswer() {
        keepsAlive = false
    }

    /// No further request is taken on this connection.
    /// - Returns: ``Action/close`` if none is under way.
    mutating func stop() -> Action {
        keepsAlive = false
        return state == .idle ? close() : .nothing
    }

    private mutating func endEarly(_ action: Action) -> Action {
        keepsAlive = false
        state = .answering(isComplete: false)
        return action
    }

    private mutating func close() -> Action {
        state = .closed
        return .close
    }
}
