import Pages
import Synchronization

/// What is known of one worker at one address: whether it is ours, how well it does.
///
/// Owned by the ``WorkerFleet``; any thread may use it.
final class WorkerLink: Sendable {
    /// Who and where.
    let worker: WorkerCandidate

    private struct State: Sendable {
        var breaker: CircuitBreaker
        /// nil until it was asked.
        var isOurs: Bool?
        var foreign = ForeignKnowledge()
    }

    private let state: Mutex<State>

    /// A worker of which nothing is known.
    init(_ worker: WorkerCandidate, _ limits: BreakerLimits) {
        self.worker = worker
        state = Mutex(State(breaker: CircuitBreaker(limits)))
    }

    /// Whether it is one of ours; nil while that is not known.
    var isOurs: Bool? {
        get { state.withLock { $0.isOurs } }
        set { state.withLock { $0.isOurs = newValue } }
    }

    /// Reads or changes the breaker.
    func withBreaker<Result: Sendable>(_ body: (inout CircuitBreaker) -> Result) -> Result {
        state.withLock { body(&$0.breaker) }
    }

    /// Reads or changes what is known of a foreign worker's files.
    func withForeign<Result: Sendable>(_ body: (inout ForeignKnowledge) -> Result) -> Result {
        state.withLock { body(&$0.foreign) }
    }
}
