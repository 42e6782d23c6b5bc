import Pages
import Synchronization
import Threading

/// Runs many short waits at once, on threads of their own.
enum ParallelRun {
    /// Calls `body` for every index; after an error no further one is begun.
    /// - Parameters:
    ///   - count: Indices 0 to `count` - 1.
    ///   - width: The most threads, the caller's included; at least 1.
    ///   - body: Gets an index, on any of the threads.
    /// - Throws: The first error.
    static func each(
        _ count: Int,
        width: Int,
        _ body: @escaping @Sendable (Int) throws(StoreError) -> Void
    ) throws(StoreError) {
        let run = Run(count: count)
        // Fewer threads than wanted only make it slower.
        let threads = (1..<max(1, min(width, count))).compactMap { _ in
            try? NamedThread.startJoinable("rename") { run.work(body) }
        }
        run.work(body)
        for thread in threads { thread.join() }
        if let error = run.failure.withLock({ $0 }) { throw error }
    }

    private final class Run: Sendable {
        let next = Atomic(0)
        let count: Int
        let failure = Mutex<StoreError?>(nil)

        init(count: Int) { self.count = count }

        func work(_ body: (Int) throws(StoreError) -> Void) {
            while failure.withLock({ $0 }) == nil {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do throws(StoreError) {
                    try body(index)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
    }
}
