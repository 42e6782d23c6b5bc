import CFuse3Shim
import Glibc

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a detached thread that blocks every signal.
/// - Parameters:
///   - name: At most 15 bytes are shown.
///   - body: What it runs.
/// - Returns: `false` if the system refuses another thread.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    var every = sigset_t()
    var before = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    // Safety: the new thread takes the reference over, or we take it back when there is none.
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            // Safety: see `context` above.
            Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
            return nil
        },
        context
    )
    guard status == 0 else {
        // Safety: see `context` above.
        Unmanaged<ThreadBody>.fromOpaque(context).release()
        return false
    }
    afuse_name_thread(thread, String(name.prefix(15)))
    pthread_detach(thread)
    return true
}
