import Metadata
import Pages
import Threading

/// Lets one thread at a time work on what lies under a path.
///
/// Any thread may call; one that has a turn may take another only of a path that is above its own.
// Safety: `taken` is read and written with the lock held.
final class PathTurns: @unchecked Sendable {
    /// How long a turn is waited for: longer than all tries of the requests that one may take.
    static let patience = Duration.seconds(600)

    private let lock = Lock()
    private let ended = Condition()
    private var taken: Set<RelativePath> = []

    /// Runs something while nobody else does under the same path.
    /// - Throws: What `body` throws, or that the turn did not come.
    func with<Result>(
        _ path: RelativePath,
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        guard take(path) else {
            throw .unavailable("'\(path)': another change has been under way for \(Self.patience)")
        }
        defer { end(path) }
        return try body()
    }

    private func take(_ path: RelativePath) -> Bool {
        let deadline = MonotonicInstant.now + Self.patience
        lock.lock()
        defer { lock.unlock() }
        while taken.contains(path) {
            guard ended.wait(lock, until: deadline) else { return false }
        }
        taken.insert(path)
        return true
    }

    private func end(_ path: RelativePath) {
        lock.lock()
        taken.remove(path)
        ended.broadcast()
        lock.unlock()
    }
}
