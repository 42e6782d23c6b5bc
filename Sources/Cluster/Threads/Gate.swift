import Threading

/// A gate that opens once and stays open.
///
/// Any thread may open it or wait at it.
// Safety: `opened` is read and written with the lock held.
final class Gate: @unchecked Sendable {
    private let lock = Lock()
    private let hasOpened = Condition()
    private var opened = false

    /// Opens the gate and wakes whoever waits.
    func open() {
        lock.lock()
        opened = true
        hasOpened.broadcast()
        lock.unlock()
    }

    var isOpen: Bool {
        lock.lock()
        defer { lock.unlock() }
        return opened
    }

    /// Waits until the gate is open.
    /// - Parameter limit: How long at most; not negative.
    /// - Returns: Whether it is open.
    func wait(atMost limit: Duration) -> Bool {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while !opened, hasOpened.wait(lock, until: deadline) {}
        return opened
    }
}
