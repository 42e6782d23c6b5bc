import NIOCore

/// Takes a long body while it comes, so that it is never held whole.
///
/// Owned by one connection, which calls it on pool threads, one call at a time and in order: ``take(_:)`` any
/// number of times, then ``finish()`` or ``abandon()`` once. What ``take(_:)`` or ``finish()`` throws is the
/// answer, and ``abandon()`` follows.
protocol BodyIntake: Sendable {
    /// Takes the next bytes.
    /// - Parameter bytes: At least one.
    /// - Throws: Why no more are wanted.
    func take(_ bytes: ByteBuffer) throws(HTTPFailure)

    /// All bytes have come.
    /// - Returns: The answer.
    /// - Throws: Why nothing came of it.
    func finish() throws(HTTPFailure) -> Answer

    /// The rest will not come, or is not wanted.
    func abandon()
}

/// Where a body stands that is taken while it comes.
///
/// Pure: what a connection does with each part of it. At most ``bytesMaximum`` wait and as many are being
/// taken; beyond, the peer has to wait.
struct BodyFlow: Equatable, Sendable {
    /// What a pool thread is to do now.
    enum Job: Equatable, Sendable {
        case nothing
        /// Take all that waits.
        case take
        case finish
        case abandon
    }

    /// So many bytes wait before no more are read, in bytes.
    static let bytesMaximum = 1 << 20
    /// Fewer are not worth a hop to another thread, unless they are the last.
    static let bytesMinimum = 64 << 10

    /// How many bytes wait.
    private(set) var waiting = 0
    /// Whether a pool thread is at it.
    private(set) var isBusy = false
    private var hasEnded = false
    /// Whether nothing more is wanted.
    private(set) var isGivenUp = false
    private var isOver = false

    /// Whether the peer has to wait.
    var isFull: Bool { waiting >= Self.bytesMaximum && !isGivenUp }

    /// Bytes came.
    mutating func came(_ count: Int) -> Job {
        guard !isGivenUp else { return .nothing }
        waiting += count
        return next()
    }

    /// All bytes have come.
    mutating func ended() -> Job {
        hasEnded = true
        return next()
    }

    /// Nothing more is wanted, or comes.
    mutating func gaveUp() -> Job {
        guard !isGivenUp else { return .nothing }
        isGivenUp = true
        waiting = 0
        return next()
    }

    /// The last job is done.
    mutating func done() -> Job {
        isBusy = false
        return next()
    }

    private mutating func next() -> Job {
        guard !isBusy, !isOver else { return .nothing }
        if isGivenUp {
            isOver = true
            return .abandon
        }
        if waiting >= Self.bytesMinimum || (hasEnded && waiting > 0) {
            waiting = 0
            isBusy = true
            return .take
        }
        guard hasEnded else { return .nothing }
        isBusy = true
        hasEnded = false
        return .finish
    }
}
