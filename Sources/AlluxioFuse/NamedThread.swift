import CLinux
import Glibc

/// A thread that runs one closure.
enum NamedThread {
    /// Starts a detached thread.
    /// - Parameters:
    ///   - name: At most 15 bytes; what `top -H` shows.
    ///   - body: Runs once on the new thread.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Failure) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 << 10)
        defer { pthread_attr_destroy(&attributes) }
        let box = Box(name: name, body: body)
        var thread = pthread_t()
        // Safety: the retain is balanced by takeRetainedValue in the thread, or below if there is no thread.
        let opaque = Unmanaged.passRetained(box).toOpaque()
        let failed = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                // Safety: balances the retain above; the thread starts once.
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                alluxio_name_thread(box.name)
                box.body()
                return nil
            },
            opaque
        )
        if failed != 0 {
            // Safety: no thread took the retain.
            Unmanaged<Box>.fromOpaque(opaque).release()
            throw Failure(
                "cannot start a thread: \(systemText(failed)); raise the limit of processes (ulimit -u)"
            )
        }
    }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
