import Threading
package import Volumes

/// One lock for each name that somebody holds or waits for.
///
/// Any thread may call.
package final class NamedLocks: Sendable {
    private let lock = Lock()
    private let freed = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) private var held: Set<String> = []

    /// Makes a set of locks that nobody holds.
    package init() {}

    /// Runs `body` while nobody else runs one under the same name.
    /// - Parameters:
    ///   - name: The name.
    ///   - patience: How long to wait for others.
    ///   - body: Runs on this thread.
    /// - Returns: What `body` returns.
    /// - Throws: `aborted` if others take too long, or what `body` throws.
    package func hold<Result>(
        _ name: String,
        patience: Duration,
        _ body: () throws(VolumeError) -> Result
    ) throws(VolumeError) -> Result {
        let deadline = MonotonicInstant.now + patience
        lock.lock()
        while held.contains(name) {
            guard freed.wait(lock, until: deadline) else {
                lock.unlock()
                throw VolumeError(.aborted, "another call for '\(name)' is under way; call again")
            }
        }
        held.insert(name)
        lock.unlock()
        defer {
            lock.lock()
            held.remove(name)
            lock.unlock()
            freed.broadcast()
        }
        return try body()
    }
}
