import CLinux
import Glibc
import HTTPTransport

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

    /// Enough for a TLS handshake; only touched pages cost memory.
    private static let stackBytes = 1 << 20

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
        let hasStarted = launch {
            _ = alluxio_name_thread(name)
            body()
            ended.open()
        }
        return hasStarted ? thread : nil
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

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private static func launch(_ body: @escaping @Sendable () -> Void) -> Bool {
        var every = sigset_t()
        var before = sigset_t()
        sigfillset(&every)
        pthread_sigmask(SIG_SETMASK, &every, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        // Safety: the new thread takes this reference over first thing; if none starts, it is released here.
        let reference = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            &attributes,
            { context in
                guard let context else { return nil }
                // Safety: `context` is the reference retained above, taken over exactly once.
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            },
            reference.toOpaque()
        )
        if status != 0 { reference.release() }
        return status == 0
    }
}
