import CLinux
import Glibc

/// The system refuses another thread.
public struct ThreadRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The errno.
    public let code: Int32

    /// One line with the remedy.
    public var description: String {
        var text = [CChar](repeating: 0, count: 256)
        let isKnown = strerror_r(code, &text, text.count) == 0
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let reason = isKnown ? String(decoding: bytes, as: UTF8.self) : "error \(code)"
        return "cannot start a thread: \(reason); raise the limit of processes (ulimit -u)"
    }
}

/// A thread that somebody waits for.
public struct JoinableThread: Sendable {
    fileprivate let thread: pthread_t

    /// Waits until the thread has ended; its body must have a deadline.
    ///
    /// To be called once.
    public func join() {
        pthread_join(thread, nil)
    }
}

/// Threads that run one closure, with every signal blocked that is sent from outside: those are the main
/// thread's.
public enum NamedThread {
    /// Enough for a TLS handshake, in bytes; only touched pages cost memory.
    public static let stackBytes = 1 << 20

    /// Starts a thread that nobody waits for.
    /// - Parameters:
    ///   - name: At most 15 bytes count; what `top -H` shows.
    ///   - stackBytes: Its stack.
    ///   - body: Runs once on the new thread.
    /// - Throws: A ``ThreadRefusal`` if there is no thread to be had; then nothing runs.
    public static func start(
        _ name: String,
        stackBytes: Int = stackBytes,
        _ body: @escaping @Sendable () -> Void
    ) throws(ThreadRefusal) {
        pthread_detach(try startJoinable(name, stackBytes: stackBytes, body).thread)
    }

    /// Starts a thread that is to be joined.
    /// - Parameters:
    ///   - name: At most 15 bytes count; what `top -H` shows.
    ///   - stackBytes: Its stack.
    ///   - body: Runs once on the new thread.
    /// - Returns: The thread; ``JoinableThread/join()`` must be called.
    /// - Throws: A ``ThreadRefusal`` if there is no thread to be had; then nothing runs.
    public static func startJoinable(
        _ name: String,
        stackBytes: Int = stackBytes,
        _ body: @escaping @Sendable () -> Void
    ) throws(ThreadRefusal) -> JoinableThread {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackBytes)
        defer { pthread_attr_destroy(&attributes) }
        // A thread begins with the mask of who starts it.
        var blocked = blockedSignals
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        // Safety: the retain is balanced by takeRetainedValue in the thread, or below if there is no thread.
        let opaque = Unmanaged.passRetained(Life(name: name, body: body)).toOpaque()
        let failed = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                // Safety: balances the retain above; the thread starts once.
                NamedThread.run(Unmanaged<Life>.fromOpaque(argument).takeRetainedValue())
                return nil
            },
            opaque
        )
        guard failed == 0 else {
            // Safety: no thread took the retain.
            Unmanaged<Life>.fromOpaque(opaque).release()
            throw ThreadRefusal(code: failed)
        }
        return JoinableThread(thread: thread)
    }

    private static func run(_ life: Life) {
        // A name that cannot be set is no loss.
        _ = alluxio_name_thread(life.name)
        life.body()
    }

    /// All but those of a fault in the thread's own code, which must reach the crash report.
    private static var blockedSignals: sigset_t {
        var set = sigset_t()
        sigfillset(&set)
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&set, fault) }
        return set
    }

    private final class Life: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
