import CFuse3
import Glibc
import Synchronization
import Threading

/// Knows every request that waits in the pool, and ends those whose callers are dying.
///
/// The kernel sends INTERRUPT at the first signal that its caller gets, and once only; a Go program gets
/// signals all the time. So a request that was interrupted is put on a list, and one thread looks at the
/// callers on that list every ``period`` until they are answered. A caller that cannot be seen (0: it lives
/// in a pid namespace outside of ours) is left to the store's deadlines: an EINTR that a living program does
/// not expect does more harm than a dead one that leaves late.
///
/// A reader of cached files mostly waits for a page that the kernel reads ahead; such a request has no
/// caller, and the kernel itself lets a killed reader go.
///
/// Any thread may call it.
final class InterruptWatch: Sendable {
    private struct Entry {
        let reply: PendingReply
        /// Whether libfuse is done with registering our callback; before that nobody may answer.
        var isArmed = false
        var isInterrupted = false
        var isCounted = false
    }

    private struct State {
        var entries: [UInt: Entry] = [:]
        /// Keys of entries that are armed and interrupted.
        var watched: Set<UInt> = []
        var isThreadRunning = false
        /// Answers that are being sent.
        var sending = 0
    }

    static let period = Duration.milliseconds(200)

    private let state = Mutex(State())
    private let metrics: MountMetrics

    init(metrics: MountMetrics) {
        self.metrics = metrics
    }

    /// Takes a request in, before it is given to the pool.
    ///
    /// libfuse calls back at once, holding the request's lock, if the request was interrupted already; an
    /// answer then would free the lock under it. So entries are armed only after libfuse has returned, and
    /// the callback only makes notes.
    func register(_ reply: PendingReply) {
        let key = reply.request.key
        state.withLock { $0.entries[key] = Entry(reply: reply) }
        // Safety: the session keeps the watch for longer than libfuse's threads run.
        let context = Unmanaged.passUnretained(self).toOpaque()
        fuse_req_interrupt_func(
            reply.request.raw,
            { request, context in
                guard let request, let context else { return }
                // Safety: see `context` above.
                Unmanaged<InterruptWatch>.fromOpaque(context).takeUnretainedValue()
                    .interrupted(UInt(bitPattern: request))
            },
            context
        )
        watchIfNeeded { state in
            state.entries[key]?.isArmed = true
            if state.entries[key]?.isInterrupted == true { state.watched.insert(key) }
        }
    }

    /// Lets one caller answer a request.
    /// - Parameters:
    ///   - reply: The request.
    ///   - send: Runs if nobody has answered; answers the request.
    /// - Returns: nil if the request was answered by somebody else.
    func answer<Result>(_ reply: PendingReply, _ send: (Request) -> Result) -> Result? {
        guard reply.claim() else { return nil }
        // From here on the request's address may be given to a new one only after `send`.
        state.withLock { state in
            state.entries[reply.request.key] = nil
            state.watched.remove(reply.request.key)
            state.sending += 1
        }
        defer { state.withLock { $0.sending -= 1 } }
        return send(reply.request)
    }

    /// Answers whatever is left, once the kernel asks no more; returns when no thread uses a request.
    func abandonAll() {
        let left = state.withLock { state in state.entries.values.map(\.reply) }
        for reply in left {
            _ = answer(reply) { $0.reply(errno: Errno.unmounted) }
        }
        // A reply takes microseconds; nothing that waits is counted here.
        while state.withLock({ $0.sending > 0 }) { sleepThread(for: .milliseconds(1)) }
    }

    private func interrupted(_ key: UInt) {
        watchIfNeeded { state in
            state.entries[key]?.isInterrupted = true
            if state.entries[key]?.isArmed == true { state.watched.insert(key) }
        }
    }

    private func watchIfNeeded(after change: (inout State) -> Void) {
        let isThreadNeeded = state.withLock { state in
            change(&state)
            guard !state.watched.isEmpty, !state.isThreadRunning else { return false }
            state.isThreadRunning = true
            return true
        }
        guard isThreadNeeded else { return }
        do {
            try NamedThread.start("fuse-interrupts") { self.watch() }
        } catch {
            // The next INTERRUPT tries again.
            state.withLock { $0.isThreadRunning = false }
        }
    }

    private func watch() {
        while true {
            let replies: [PendingReply] = state.withLock { state in
                let replies = state.watched.compactMap { state.entries[$0]?.reply }
                if replies.isEmpty { state.isThreadRunning = false }
                return replies
            }
            guard !replies.isEmpty else { return }
            for reply in replies { look(at: reply) }
            sleepThread(for: Self.period)
        }
    }

    private func look(at reply: PendingReply) {
        guard !reply.isClaimed else { return }
        let isDying = CallerSignals.of(reply.caller)?.isDying ?? false
        let isFirstLook = state.withLock { state in
            guard state.entries[reply.request.key]?.isCounted == false else { return false }
            state.entries[reply.request.key]?.isCounted = true
            return true
        }
        guard isDying else {
            if isFirstLook { metrics.interrupted(isEnding: false) }
            return
        }
        let sent = answer(reply) { $0.reply(errno: Errno.interrupted) }
        guard sent != nil else { return }
        metrics.interrupted(isEnding: true)
        metrics.ended(reply.kind, .interrupted, since: reply.start)
    }
}
