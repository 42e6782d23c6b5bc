import Glibc
import Synchronization
import Threading

/// A request that was handed over to the waiting pool, and whoever may still answer it.
///
/// The job that runs it, and the watch that sees its caller die, race for ``claim()``; only the winner may
/// touch the request.
final class PendingReply: Sendable {
    let request: Request
    let kind: OperationKind
    /// The thread that waits; 0 if it cannot be seen.
    let caller: pid_t
    let start: MonotonicInstant
    private let claimed = Atomic(false)

    init(_ request: Request, _ kind: OperationKind, start: MonotonicInstant) {
        self.request = request
        self.kind = kind
        self.caller = request.caller
        self.start = start
    }

    /// Whether somebody has the right to answer already.
    var isClaimed: Bool { claimed.load(ordering: .acquiring) }

    /// Takes the right to answer.
    /// - Returns: `true` for the first caller only.
    func claim() -> Bool { !claimed.exchange(true, ordering: .acquiringAndReleasing) }
}
