import Metadata
import Pages
import Synchronization
import Threading

/// Finishes many stores at a time, so that one that does not answer does not keep the others from it.
enum StoreFinishing {
    private struct State {
        var waiting: [MountedStore]
        var failure: StoreError?
    }

    /// Finishes stores.
    /// - Parameters:
    ///   - stores: Each once.
    ///   - maximum: The most threads, the caller's included; at least 1.
    /// - Throws: The first error, after all were tried.
    static func run(_ stores: [MountedStore], threadsMaximum maximum: Int) throws(StoreError) {
        let work = Work(stores)
        // Fewer threads than wanted only make it slower.
        let threads = (1..<max(1, min(maximum, stores.count))).compactMap { _ in
            try? NamedThread.startJoinable("finish") { work.run() }
        }
        work.run()
        for thread in threads { thread.join() }
        if let failure = work.failure { throw failure }
    }

    private final class Work: Sendable {
        private let state: Mutex<State>

        init(_ stores: [MountedStore]) {
            state = Mutex(State(waiting: stores))
        }

        var failure: StoreError? { state.withLock { $0.failure } }

        func run() {
            while let store = state.withLock({ $0.waiting.popLast() }) {
                do throws(StoreError) {
                    try store.finish()
                } catch {
                    state.withLock { $0.failure = $0.failure ?? error }
                }
            }
        }
    }
}
