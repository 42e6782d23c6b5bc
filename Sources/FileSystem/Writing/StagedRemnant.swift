import Metadata
import Pages

/// A staged file that an earlier daemon left.
///
/// Pure.
struct StagedRemnant: Sendable {
    /// Its name in the staging directory.
    let file: String
    /// The path that it would have got.
    let path: [UInt8]
    /// The address of the root of the store that would have got it; nil if an earlier version staged it.
    let store: UFSURI?
    /// What was promised of it; nil if nothing was, or the store got it since.
    let promise: StagingEvent?
    /// Times that were set since it was promised.
    let times: StagingEvent.Times?
    /// Whether the store has everything.
    let isClean: Bool
    /// Whether somebody was told that it waits for its store.
    var isReported = false

    /// Puts together what happened to a file, in order.
    init(file: String, events: [StagingEvent]) {
        self.file = file
        path = events.last { $0.path != nil }?.path ?? []
        store = events.last { $0.store != nil }?.store
        isClean = events.last { $0.kind != .began && $0.kind != .timed }?.kind == .clean
        // A rename after the promise moves it, and may give its base another version, as changed attributes
        // may; a commit keeps it.
        let last = events.lastIndex { $0.kind == .durable || $0.kind == .clean }
        var promise = last.map { events[$0] }
        if promise?.kind != .durable { promise = nil }
        promise?.path = path
        times = last.flatMap { last in events[(last + 1)...].last { $0.kind == .timed }?.times }
        if let last, let later = events[(last + 1)...].last(where: { $0.kind == .began }) {
            promise?.base = later.base
        }
        self.promise = promise
    }
}
