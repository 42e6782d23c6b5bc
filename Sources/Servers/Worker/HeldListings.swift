import Metadata
import Synchronization

/// Listings that clients read page by page.
///
/// Any thread may call it. Held for half a minute to a minute after the last page that somebody asked for.
final class HeldListings: Sendable {
    private struct State {
        var table = AgedTable<UInt64, Listing>(maximum: WorkerLimits.heldListingsMaximum)
        var last: UInt64 = 0
    }

    /// Where a client goes on in a listing.
    struct Place: Equatable {
        /// Which listing.
        let id: UInt64
        /// How many entries the client has.
        let index: Int
        /// How many of them are directories.
        let directories: Int

        init(id: UInt64, index: Int, directories: Int) {
            self.id = id
            self.index = index
            self.directories = directories
        }

        /// Reads a token; nil if it is none.
        init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3, let id = UInt64(parts[0], radix: 16), let index = Int(parts[1]),
                let directories = Int(parts[2]), index >= 0
            else { return nil }
            self.init(id: id, index: index, directories: directories)
        }

        /// The token.
        var text: String { "\(String(id, radix: 16)).\(index).\(directories)" }
    }

    private let state: Mutex<State>

    init() {
        var state = State()
        // Tokens of an earlier process must not fit.
        state.last = .random(in: 0...UInt64.max / 2)
        self.state = Mutex(state)
    }

    /// Holds a listing.
    /// - Returns: Its id.
    func hold(_ listing: Listing) -> UInt64 {
        let (id, forgotten) = state.withLock { state in
            state.last += 1
            return (state.last, state.table.insert(listing, for: state.last))
        }
        withExtendedLifetime(forgotten) {}
        return id
    }

    /// The listing with an id; nil if it is no longer held.
    func find(_ id: UInt64) -> Listing? {
        state.withLock { $0.table.find(id) }
    }

    /// Lets go of what nobody went on with.
    func sweep() {
        let forgotten = state.withLock { $0.table.age() }
        withExtendedLifetime(forgotten) {}
    }
}
