import Pages

/// Why a worker did not give what it was asked for.
enum WorkerFailure: Error, Hashable, Sendable {
    /// No connection.
    case connect(String)
    /// No byte within the time that a worker that lives may take.
    case silent(String)
    /// Slower than its peers.
    case slow(String)
    /// The connection ended before the answer did.
    case broken(String)
    /// It answered that it can't: status 500 and above.
    case status(Int, String)
    /// Its answer is not what was asked for: another length, another form.
    case wrong(String)
    /// It refuses the request: a missing or wrong token, a file in no store of its own.
    case refused(Int, String)
    /// It has another version than asked for.
    case stale
    /// It knows no such file.
    case missing
    /// A foreign worker closed the connection instead of an answer: the page is not cached.
    case foreignMiss
    /// A foreign worker can't be used for this file.
    case unusable(String)
    /// It does not know the token of a listing any more.
    case forgotten
    /// Whoever takes the bytes wants no more of them; no matter of the worker's.
    case sink(StoreError)

    /// What the metrics call it.
    var reason: FallbackReason {
        switch self {
        case .connect: .connect
        case .silent: .silent
        case .slow: .slow
        case .broken: .broken
        case .status: .status
        case .wrong: .wrong
        case .refused: .refused
        case .stale: .stale
        case .missing: .missing
        case .foreignMiss: .foreignMiss
        case .unusable: .foreign
        case .forgotten: .forgotten
        case .sink: .sink
        }
    }

    /// How it counts for the breaker of the worker.
    enum Verdict: Hashable, Sendable {
        /// Opens it.
        case opens
        /// Counts as one.
        case strike
        /// Counts as slowness.
        case slow
        /// The worker is well.
        case well
        /// Says nothing of the worker.
        case nothing
    }

    /// How it counts for the breaker of the worker.
    var verdict: Verdict {
        switch self {
        case .connect, .silent: .opens
        case .slow: .slow
        case .broken, .status, .wrong, .refused: .strike
        case .stale, .missing, .foreignMiss, .forgotten: .well
        case .unusable, .sink: .nothing
        }
    }
}

/// Why a worker was passed over, as the metrics name it.
enum FallbackReason: String, CaseIterable, Sendable {
    case connect
    case silent
    case slow
    case broken
    case status
    case wrong
    case refused
    case stale
    case missing
    case foreignMiss = "foreign_miss"
    case foreign
    case forgotten
    case sink
    /// The breaker is open.
    case open
    /// The worker is lost.
    case lost
    /// No worker is known.
    case noWorkers = "no_workers"
}
