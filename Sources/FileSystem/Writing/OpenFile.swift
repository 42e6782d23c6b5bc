import Metadata
import Pages
import Synchronization

/// A file while it has open handles: the version it is read from and, once something was changed, its writer.
///
/// Any thread may call it; its lock is held for a look, never for a wait.
final class OpenFile: Sendable {
    /// What it is the file of.
    let node: Node
    /// The store that it was opened in, and is changed in; nil if nothing can be changed.
    let home: (any WritableStore)?
    /// How many handles are open; changed by ``Handles`` under its lock.
    let opens = Atomic(0)

    private struct State {
        var version: OpenVersion
        var writer: Writer?
        /// Times that were set since the last write, which the commit must not lose.
        var times: AttributeChange?
    }

    private let state: Mutex<State>

    init(
        node: Node,
        version: OpenVersion,
        writer: Writer? = nil,
        home: (any WritableStore)? = nil
    ) {
        self.node = node
        self.home = home
        state = Mutex(State(version: version, writer: writer))
    }

    /// The version that the store has, as far as this mount knows, and the changes to it.
    var content: (version: OpenVersion, writer: Writer?) { state.withLock { ($0.version, $0.writer) } }
    /// The version that it is read from where nothing was changed.
    var version: OpenVersion { state.withLock { $0.version } }
    /// Its changes; nil if there have been none.
    var writer: Writer? { state.withLock { $0.writer } }

    /// The writer, made if there is none.
    func writer(
        _ make: (OpenVersion) throws(FileSystemError) -> Writer
    ) throws(FileSystemError) -> (writer: Writer, isNew: Bool) {
        let (version, known) = content
        if let known { return (known, false) }
        // Made outside the lock; dropped if somebody else was first.
        let made = try make(version)
        return state.withLock { state in
            if let known = state.writer { return (known, false) }
            state.writer = made
            return (made, true)
        }
    }

    /// The file has become another version by this mount's own doing.
    func replace(_ version: OpenVersion) {
        let old = state.withLock { state in
            defer { state.version = version }
            return state.version
        }
        old.close()
    }

    /// Remembers times that were set, or forgets them because something was written after.
    func setTimes(_ change: AttributeChange?) { state.withLock { $0.times = change } }

    /// The times that were set since the last write.
    var times: AttributeChange? { state.withLock { $0.times } }
}
