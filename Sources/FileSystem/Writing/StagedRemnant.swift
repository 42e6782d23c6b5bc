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
    /// Whether the store has everything.
    let isClean: Bool
    /// Whether somebody was told that it waits for its store.
    var isReported = false

    /// Puts together what happened to a file, in order.
    init(file: String, events: [StagingEvent]) {
        self.file = file
        path = events.last { $0.path != nil }?.path ?? []
        store = events.last { $0.store != nil }?.store
        isClean = events.last { $0.kind != .began }?.kind == .clean
        // A rename after the promise moves it; a commit keeps it.
        var promise = events.last { $0.kind == .durable || $0.kind == .clean }
        if promise?.kind != .durable { promise = nil }
        promise?.path = path
        self.promise = promise
    }
}
