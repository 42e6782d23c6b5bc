import HTTPTransport
import Threading

/// What tells a background thread to end, wherever it waits: asleep or in a request.
///
/// Any thread may use it.
final class StopSignal: Sendable {
    /// What the thread's requests carry.
    let cancellation = HTTPCancellation()
    private let gate = Gate()

    /// Ends sleeps at once and requests within about a second.
    func raise() {
        cancellation.cancel()
        gate.open()
    }

    var isRaised: Bool { cancellation.isCancelled }

    /// Sleeps.
    /// - Parameter time: How long; not negative.
    /// - Returns: `false` if the thread is to end.
    func sleep(_ time: Duration) -> Bool { !gate.wait(atMost: time) }
}

/// One named thread that runs until it is told to stop.
///
/// Owned by the part whose work it does; any thread may stop it.
final class BackgroundThread: Sendable {
    private let signal: StopSignal
    private let ended = Gate()

    /// Starts a thread that blocks every signal.
    /// - Parameters:
    ///   - name: At most 15 bytes; what `top -H` shows.
    ///   - signal: What ends it.
    ///   - body: Runs once on the new thread, and ends soon after `signal` is raised.
    /// - Returns: nil if the system refuses another thread.
    static func start(
        _ name: String,
        until signal: StopSignal,
        _ body: @escaping @Sendable () -> Void
    ) -> BackgroundThread? {
        let thread = BackgroundThread(signal)
        let ended = thread.ended
        do {
            try NamedThread.start(name) {
                body()
                ended.open()
            }
        } catch {
            return nil
        }
        return thread
    }

    private init(_ signal: StopSignal) { self.signal = signal }

    /// Tells the thread to end, and waits for that.
    /// - Parameter limit: How long to wait at most.
    /// - Returns: Whether it has ended; if not, it ends by itself later.
    @discardableResult
    func stop(within limit: Duration) -> Bool {
        signal.raise()
        return ended.wait(atMost: limit)
    }
}
