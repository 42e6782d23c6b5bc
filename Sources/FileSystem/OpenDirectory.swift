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
    /// How many entries of the snapshot the reader has seen.
    private let position = Atomic(0)
    /// Pool jobs, queued or running, that read ahead.
    private let jobs = Atomic(0)
    private let isClosed = Atomic(false)
    /// The most pool jobs at a time, whatever the snapshot could use.
    private static let jobsMaximum = 9

    init(node: Node, parent: Node, listing: any DirectoryListing) {
        self.node = node
        self.parent = parent
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

    /// Ends reading ahead.
    func close() { isClosed.store(true, ordering: .relaxed) }

    /// Has the pool read ahead, as far as the snapshot finds it worth while.
    /// - Parameters:
    ///   - listing: The snapshot.
    ///   - next: The index at which the reader goes on.
    ///   - pool: Does the work.
    func readAhead(_ listing: any DirectoryListing, next: Int, on pool: WaitingPool) {
        position.store(next, ordering: .relaxed)
        startJobs(listing, on: pool)
    }

    private func startJobs(_ listing: any DirectoryListing, on pool: WaitingPool) {
        let wanted = min(listing.jobsAhead(of: position.load(ordering: .relaxed)), Self.jobsMaximum)
        // No more than that many, however soon the first ones end.
        for _ in 0..<wanted {
            let others = jobs.wrappingAdd(1, ordering: .relaxed).oldValue
            guard others < wanted, pool.submit(.ahead, { self.runJob(listing, on: pool) }) else {
                jobs.wrappingSubtract(1, ordering: .relaxed)
                return
            }
        }
    }

    /// Does one step and has the next one queued, so that other directories and files get their turn.
    private func runJob(_ listing: any DirectoryListing, on pool: WaitingPool) {
        let isWanted = !isClosed.load(ordering: .relaxed) && self.listing === listing
        let goesOn = isWanted && listing.stepAhead(of: position.load(ordering: .relaxed))
        jobs.wrappingSubtract(1, ordering: .relaxed)
        if goesOn { startJobs(listing, on: pool) }
    }
}
