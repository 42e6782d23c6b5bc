import CFuse3
import CFuse3Shim
import FileSystem
import Logging
import Synchronization
import Threading

/// Takes a job that may wait.
///
/// - Parameter job: Runs once on another thread, if it is taken.
/// - Returns: `false` if too many jobs wait; the job will not run.
public typealias HandOver = @Sendable (_ job: @escaping @Sendable () -> Void) -> Bool

/// Runs decoded requests: at once on libfuse's thread, or whole in the waiting pool; and answers each once.
///
/// Any thread may call it.
final class Dispatcher: Sendable {
    let operations: any Operations
    let metrics: MountMetrics
    let failures: FailureLog
    let watch: InterruptWatch
    let options: MountOptions
    /// What INIT agreed on, once there was one.
    let negotiation = Mutex<NegotiatedSession?>(nil)
    private let handOver: HandOver

    init(
        operations: any Operations,
        options: MountOptions,
        logger: Logger,
        handOver: @escaping HandOver
    ) {
        self.operations = operations
        self.options = options
        self.handOver = handOver
        metrics = MountMetrics()
        failures = FailureLog(logger: logger, metrics: metrics)
        watch = InterruptWatch(metrics: metrics)
    }

    /// The dispatcher of the session that a request belongs to.
    static func of(_ request: fuse_req_t) -> Dispatcher {
        // Safety: the session keeps its dispatcher for longer than libfuse's threads run, and every request
        // has the session's channel as its user data.
        Unmanaged.fromOpaque(afuse_request_channel(request).pointee.context).takeUnretainedValue()
    }

    /// Runs an operation to its answer.
    func serve(_ request: Request, _ operation: Operation) {
        guard !options.isReadOnly || !operation.isChange else {
            return conclude(request, operation.kind, errno: Errno.readOnly)
        }
        let start = MonotonicInstant.now
        do throws(FileSystemError) {
            let answer = try operation.perform(on: operations, .immediate)
            let sent = request.reply(answer, directIO: options.directIO)
            conclude(operation.kind, answer, sent, start: start)
        } catch .wouldWait {
            wait(for: operation.detached(), PendingReply(request, operation.kind, start: start))
        } catch {
            request.reply(errno: Errno.of(error))
            failed(operation.kind, error, start: start)
        }
    }

    /// Answers a request that needs nobody: with an errno, or 0.
    func conclude(_ request: Request, _ kind: OperationKind, errno: Int32) {
        let start = MonotonicInstant.now
        request.reply(errno: errno)
        metrics.ended(kind, errno == 0 ? .ok : .error, since: start)
    }

    private func wait(for operation: Operation, _ reply: PendingReply) {
        metrics.beganWaiting()
        watch.register(reply)
        let isTaken = handOver { [self] in
            run(operation, reply)
            metrics.endedWaiting()
        }
        guard !isTaken else { return }
        metrics.endedWaiting()
        // Better a thread of the mount waits than that a handle is never let go.
        if case .release = operation { return run(operation, reply) }
        if watch.answer(reply, { $0.reply(errno: Errno.overloaded) }) != nil {
            metrics.ended(reply.kind, .refused, since: reply.start)
        }
    }

    /// Runs on a thread of the pool.
    private func run(_ operation: Operation, _ reply: PendingReply) {
        // Its caller died while it was queued.
        guard !reply.isClaimed || operation.outlivesCaller else { return }
        do throws(FileSystemError) {
            let answer = try operation.perform(on: operations, .waiting)
            if let sent = watch.answer(reply, { $0.reply(answer, directIO: options.directIO) }) {
                conclude(reply.kind, answer, sent, start: reply.start)
            } else {
                undo(answer)
            }
        } catch {
            guard watch.answer(reply, { $0.reply(errno: Errno.of(error)) }) != nil else { return }
            failed(reply.kind, error, start: reply.start)
        }
    }

    private func conclude(
        _ kind: OperationKind,
        _ answer: Answer,
        _ sent: Request.Sent,
        start: MonotonicInstant
    ) {
        if sent.wasShort {
            return failed(kind, .inputOutput("a cached file is shorter than its record says"), start: start)
        }
        if sent.status == 0 {
            metrics.sent(sent)
        } else {
            // ENOENT: the request was interrupted; the kernel never learns of the handle or the node.
            undo(answer)
        }
        metrics.ended(kind, sent.status == 0 ? .ok : .lost, since: start)
    }

    /// Gives back what a lost answer lent to the kernel.
    private func undo(_ answer: Answer) {
        answer.undo(on: operations)
        guard let handle = answer.lentFile else { return }
        do throws(FileSystemError) {
            try operations.release(handle, .immediate)
        } catch .wouldWait {
            let operations = operations
            let release: @Sendable () -> Void = { try? operations.release(handle, .waiting) }
            if !handOver(release) { release() }
        } catch {
            failures.note(.release, error)
        }
    }

    private func failed(_ kind: OperationKind, _ error: FileSystemError, start: MonotonicInstant) {
        failures.note(kind, error)
        metrics.ended(kind, .error, since: start)
    }
}
