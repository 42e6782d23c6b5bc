import Threading

/// How much of what an earlier daemon left is being stored.
///
/// Any thread may call it.
final class RecoveryCount: Sendable {
    private let lock = Lock()
    private let ended = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) private var underWay = 0

    func begin() {
        lock.lock()
        defer { lock.unlock() }
        underWay += 1
    }

    func end() {
        lock.lock()
        underWay -= 1
        lock.unlock()
        ended.broadcast()
    }

    /// Waits until nothing is under way, or the time has passed.
    func wait(for limit: Duration) {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while underWay > 0 {
            guard ended.wait(lock, until: deadline) else { return }
        }
    }
}
