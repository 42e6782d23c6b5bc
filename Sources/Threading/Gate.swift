/// A gate that opens once and stays open.
///
/// Any thread may open it or wait at it.
public final class Gate: Sendable {
    private let lock = Lock()
    private let hasOpened = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) private var opened = false

    /// Makes a gate that is closed.
    public init() {}

    /// Opens the gate and wakes whoever waits.
    public func open() {
        lock.lock()
        opened = true
        hasOpened.broadcast()
        lock.unlock()
    }

    /// Whether it is open now.
    public var isOpen: Bool {
        lock.lock()
        defer { lock.unlock() }
        return opened
    }

    /// Waits until the gate is open.
    /// - Parameter limit: How long at most; not negative.
    /// - Returns: Whether it is open.
    public func wait(atMost limit: Duration) -> Bool {
        let deadline = MonotonicInstant.now + limit
        lock.lock()
        defer { lock.unlock() }
        while !opened, hasOpened.wait(lock, until: deadline) {}
        return opened
    }
}
