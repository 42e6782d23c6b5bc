import Pages
import Synchronization

/// Collects the parts that several threads bring into the store.
final class PartResults: Sendable {
    private struct State {
        var parts: [S3Part] = []
        var failure: StoreError?
    }

    private let state = Mutex(State())

    /// Runs work and keeps the part that it made, or its error.
    /// - Returns: Whether no work has failed so far.
    func keep(_ work: () throws(StoreError) -> S3Part) -> Bool {
        do throws(StoreError) {
            let part = try work()
            state.withLock { $0.parts.append(part) }
        } catch {
            state.withLock { if $0.failure == nil { $0.failure = error } }
        }
        return state.withLock { $0.failure == nil }
    }

    /// All parts in order.
    /// - Throws: The first error.
    func parts() throws(StoreError) -> [S3Part] {
        let (parts, failure) = state.withLock { ($0.parts, $0.failure) }
        if let failure { throw failure }
        return parts.sorted { $0.number < $1.number }
    }
}
