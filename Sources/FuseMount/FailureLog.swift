import FileSystem
import Logging
import Synchronization
import Threading

/// Logs failing operations, but not every one of a storm: at most ``linesMaximum`` in ``window``.
///
/// The next line that is let through says how many were not. Any thread may call it.
final class FailureLog: Sendable {
    private struct State {
        var windowEnd: MonotonicInstant
        var lines = 0
        var suppressed = 0
    }

    static let linesMaximum = 10
    static let window = Duration.seconds(10)

    private let logger: Logger
    private let metrics: MountMetrics
    private let state: Mutex<State>

    init(logger: Logger, metrics: MountMetrics) {
        self.logger = logger
        self.metrics = metrics
        state = Mutex(State(windowEnd: .now + Self.window))
    }

    /// Logs an error that the user's call cannot tell the cause of.
    func note(_ kind: OperationKind, _ error: FileSystemError) {
        let text: String
        switch error {
        case .inputOutput(let reason), .denied(let reason), .tooMany(let reason), .noSpace(let reason),
            .quotaExceeded(let reason):
            text = reason
        default: return
        }
        guard let suppressed = admit(at: .now) else {
            metrics.suppressedLine()
            return
        }
        var metadata: Logger.Metadata = ["operation": "\(kind.label)", "reason": "\(text)"]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning("operation failed", metadata: metadata)
    }

    /// Whether a line may be written now.
    /// - Returns: How many lines were held back since the last one; nil to hold this one back too.
    func admit(at now: MonotonicInstant) -> Int? {
        state.withLock { state in
            if now >= state.windowEnd {
                state.windowEnd = now + Self.window
                state.lines = 0
            }
            guard state.lines < Self.linesMaximum else {
                state.suppressed += 1
                return nil
            }
            state.lines += 1
            defer { state.suppressed = 0 }
            return state.suppressed
        }
    }
}
