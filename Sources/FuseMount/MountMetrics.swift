import CoreMetrics
import Synchronization
import Threading

/// What the mount counts.
///
/// Made once for a session; any thread may call it.
final class MountMetrics: Sendable {
    /// How a request ended.
    enum Outcome: Int, CaseIterable {
        /// Answered as asked; a name that is not there is such an answer.
        case ok
        /// Answered with an errno.
        case error
        /// Answered with EINTR, since its caller is dying.
        case interrupted
        /// Answered with EAGAIN, since the waiting pool was full.
        case refused
        /// Answered, but the kernel did not want the answer any more.
        case lost
    }

    private let results: [Counter]
    private let latencies: [Timer]
    private let handedOver = Counter(label: "alluxio_fuse_handed_over_total")
    private let waiting = Gauge(label: "alluxio_fuse_concurrency")
    private let interruptsEnded = Counter(
        label: "alluxio_fuse_interrupts_total",
        dimensions: [("state", "ended")]
    )
    private let interruptsIgnored = Counter(
        label: "alluxio_fuse_interrupts_total",
        dimensions: [("state", "ignored")]
    )
    private let splicedBytes = Counter(
        label: "alluxio_fuse_reply_bytes_total",
        dimensions: [("method", "splice")]
    )
    private let copiedBytes = Counter(
        label: "alluxio_fuse_reply_bytes_total",
        dimensions: [("method", "copy")]
    )
    private let suppressedLines = Counter(label: "alluxio_fuse_log_suppressed_total")
    private let waitingCount = Atomic(0)

    init() {
        results = OperationKind.allCases.flatMap { kind in
            Outcome.allCases.map { outcome in
                Counter(
                    label: "alluxio_fuse_result_total",
                    dimensions: [("method", kind.label), ("state", "\(outcome)")]
                )
            }
        }
        latencies = OperationKind.allCases.map { kind in
            Timer(
                label: "alluxio_fuse_call_latency_ms",
                dimensions: [("method", kind.label)],
                preferredDisplayUnit: .milliseconds
            )
        }
    }

    /// How many requests wait in the pool or run on it.
    var waitingRequests: Int { waitingCount.load(ordering: .relaxed) }

    func ended(_ kind: OperationKind, _ outcome: Outcome, since start: MonotonicInstant) {
        results[kind.rawValue * Outcome.allCases.count + outcome.rawValue].increment()
        latencies[kind.rawValue].recordNanoseconds(start.nanosecondsAgo)
    }

    func sent(_ sent: Request.Sent) {
        guard sent.bytes > 0 else { return }
        (sent.wasSpliced ? splicedBytes : copiedBytes).increment(by: Int64(sent.bytes))
    }

    func beganWaiting() {
        handedOver.increment()
        waiting.record(waitingCount.add(1, ordering: .relaxed).newValue)
    }

    func endedWaiting() {
        waiting.record(waitingCount.subtract(1, ordering: .relaxed).newValue)
    }

    func interrupted(isEnding: Bool) {
        (isEnding ? interruptsEnded : interruptsIgnored).increment()
    }

    func suppressedLine() { suppressedLines.increment() }
}
