import Synchronization

/// A directory while it is open: the snapshot that is being read.
///
/// Any thread may call it.
final class OpenDirectory: Sendable {
    /// Which directory.
    let node: Node
    /// What `..` is.
    let parent: Node

    private struct State {
        var listing: any DirectoryListing
        /// Whether an entry was given out since the listing was taken, so that cookie 0 means rewinddir(3).
        var isStarted = false
    }

    private let state: Mutex<State>
    /// Whether a pool job is reading the next page.
    private let isFilling = Atomic(false)
    /// Entries that are read ahead of the reader at most, beside the page under way.
    private static let aheadEntries = 2000

    init(node: Node, listing: any DirectoryListing) {
        self.node = node
        parent = node.parent ?? node
        state = Mutex(State(listing: listing))
    }

    /// The snapshot.
    var listing: any DirectoryListing { state.withLock { $0.listing } }
    /// Whether entries of the snapshot were given out.
    var isStarted: Bool { state.withLock { $0.isStarted } }

    /// Notes that an entry was given out.
    func noteStart() { state.withLock { $0.isStarted = true } }

    /// Starts again with a newer snapshot, or the same one.
    func restart(with listing: any DirectoryListing) {
        state.withLock { $0 = State(listing: listing) }
    }

    /// Has the next page read by the pool, if the reader comes near the end of what is at hand.
    /// - Parameters:
    ///   - listing: The snapshot.
    ///   - next: The index at which the reader goes on.
    ///   - pool: Reads the page.
    func fillAhead(_ listing: any DirectoryListing, next: Int, on pool: WaitingPool) {
        guard !listing.isComplete, listing.count - next < Self.aheadEntries else { return }
        guard !isFilling.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let isAccepted = pool.submit(.ahead) {
            // A reader that needs the page asks again and sees its own error.
            try? listing.fill(beyond: listing.count)
            self.isFilling.store(false, ordering: .releasing)
        }
        if !isAccepted { isFilling.store(false, ordering: .releasing) }
    }
}
