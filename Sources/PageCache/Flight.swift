import Threading

/// One transfer of one run of granules, and the place where others wait for it.
///
/// Made and ended by the thread that fetches; any thread may wait. A waiter takes `generation` under the lock
/// of the file's ``FlightTable`` and then waits for a later one, so that no wake-up is lost.
// Safety: the stored `var`s are read and written only with the lock held.
final class Flight: @unchecked Sendable {
    private let lock = Lock()
    private let condition = Condition()
    private var progress: UInt64 = 0
    private var waiters = 0
    private var ending: Ending?

    /// How a transfer ended.
    enum Ending {
        /// The granules are there, or whoever still wants them must ask himself.
        case over
        /// The version is gone; nobody need ask again.
        case stale
    }

    /// What a wait came to.
    enum Wake {
        /// Something arrived or the transfer is over: look again.
        case changed
        /// The version is gone.
        case stale
        /// Nothing happened before the deadline.
        case timedOut
    }

    /// How often something has arrived so far.
    var generation: UInt64 {
        lock.lock()
        defer { lock.unlock() }
        return progress
    }

    /// Wakes the waiters after granules were published.
    func advance() {
        lock.lock()
        progress += 1
        if waiters > 0 { condition.broadcast() }
        lock.unlock()
    }

    /// Ends the transfer and wakes the waiters.
    ///
    /// The claim must be out of the table by now.
    func end(_ ending: Ending) {
        lock.lock()
        self.ending = ending
        progress += 1
        if waiters > 0 { condition.broadcast() }
        lock.unlock()
    }

    /// Waits until something arrives after `generation`.
    /// - Parameters:
    ///   - generation: What the waiter has seen.
    ///   - deadline: When to give up.
    /// - Returns: What happened.
    func wait(past generation: UInt64, until deadline: MonotonicInstant) -> Wake {
        lock.lock()
        defer { lock.unlock() }
        waiters += 1
        defer { waiters -= 1 }
        while progress <= generation {
            if !condition.wait(lock, until: deadline), progress <= generation {
                return .timedOut
            }
        }
        return ending == .stale ? .stale : .changed
    }
}
