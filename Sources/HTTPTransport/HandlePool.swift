import Synchronization

/// The idle handles of a transport, each with a warm connection to one server.
///
/// Taken last-in first-out, so that the number of connections shrinks to what is needed; bounded, the oldest
/// going first.
final class HandlePool: Sendable {
    private struct Idle {
        let authority: [UInt8]
        let handle: CurlHandle
        let since: ContinuousClock.Instant
    }

    private let idle = Mutex<[Idle]>([])
    private let maximum: Int

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// The warmest idle handle for a server, or nil.
    func take(for authority: [UInt8]) -> CurlHandle? {
        idle.withLock { idle in
            guard let index = idle.lastIndex(where: { $0.authority == authority }) else { return nil }
            return idle.remove(at: index).handle
        }
    }

    /// Takes a handle back; closes the one that was idle longest if there are too many.
    func put(_ handle: CurlHandle, for authority: [UInt8]) {
        let entry = Idle(authority: authority, handle: handle, since: .now)
        // The closed handle leaves the lock before it dies, since closing TLS writes to a socket.
        let closed: CurlHandle? = idle.withLock { idle in
            idle.append(entry)
            return idle.count > maximum ? idle.removeFirst().handle : nil
        }
        withExtendedLifetime(closed) {}
    }

    /// Closes what has been idle for longer than `age`.
    func close(idleFor age: Duration) -> Int {
        let closed: [CurlHandle] = idle.withLock { idle in
            let count = idle.prefix { $0.since.duration(to: .now) >= age }.count
            defer { idle.removeFirst(count) }
            return idle.prefix(count).map(\.handle)
        }
        return closed.count
    }
}
