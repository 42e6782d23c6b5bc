import CLinux
import Glibc
import Settings

/// A thread that somebody waits for.
struct JoinableThread: Sendable {
    fileprivate let thread: pthread_t

    /// Waits until the thread has ended.
    ///
    /// To be called once.
    func join() {
        pthread_join(thread, nil)
    }
}

/// Threads that run one closure.
enum NamedThread {
    /// Starts a thread that nobody waits for.
    /// - Parameters:
    ///   - name: At most 15 bytes; what `top -H` shows.
    ///   - body: Runs once on the new thread.
    /// - Throws: A ``Failure`` if there is no thread to be had.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Failure) {
        pthread_detach(try startJoinable(name, body).thread)
    }

    /// Starts a thread that is to be joined.
    /// - Parameters:
    ///   - name: At most 15 bytes; what `top -H` shows.
    ///   - body: Runs once on the new thread.
    /// - Returns: The thread; ``JoinableThread/join()`` must be called.
    /// - Throws: A ``Failure`` if there is no thread to be had.
    static func startJoinable(
        _ name: String,
        _ body: @escaping @Sendable () -> Void
    ) throws(Failure) -> JoinableThread {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackBytes)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        // Safety: the retain is balanced by takeRetainedValue in the thread, or below if there is no thread.
        let opaque = Unmanaged.passRetained(Box(name: name, body: body)).toOpaque()
        let failed = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                // Safety: balances the retain above; the thread starts once.
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                _ = alluxio_name_thread(box.name)
                box.body()
                return nil
            },
            opaque
        )
        guard failed == 0 else {
            // Safety: no thread took the retain.
            Unmanaged<Box>.fromOpaque(opaque).release()
            throw Failure(
                "cannot start a thread: \(systemText(failed)); raise the limit of processes (ulimit -u)"
            )
        }
        return JoinableThread(thread: thread)
    }

    /// Enough for a TLS handshake; only touched pages cost memory.
    private static let stackBytes = 1 << 20

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
