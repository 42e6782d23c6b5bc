import Pages
import Synchronization

/// What all reads of one version have in common, or of one virtual block of it: whom to ask, and for what.
///
/// Hashing the name of a file, looking it up on the ring and writing it into a URL costs as much as all else
/// that is done for a small read. A value; right as long as the workers are the same.
struct ReadRoute: Sendable {
    /// A worker, and what it is asked.
    struct Stop: Sendable {
        /// Who.
        let link: WorkerLink
        /// The URL, but for the range at its end.
        let url: String
    }

    /// The workers, the one that is to be asked first at the front.
    let stops: [Stop]
    /// Why there are none, if there are none.
    let absence: FallbackReason
    /// What is asked for, and what must be answered.
    let version: AskedVersion
}

/// A version as it stands in the header fields of requests and answers.
struct AskedVersion: Sendable {
    /// Its entity tag, quoted.
    let etag: String
    /// Its length in bytes, decimal.
    let size: String

    init(_ version: FileVersion) {
        etag = "\"\(version.etag)\""
        size = "\(version.size)"
    }
}

/// The routes of what was read lately; any thread may ask.
final class ReadRoutes: Sendable {
    private struct Place: Hashable {
        let version: FileVersion
        let block: Int64
    }

    private struct State {
        var generation: UInt64 = 0
        var routes: [Place: ReadRoute] = [:]
    }

    /// How many are kept; when there are as many, all are made anew.
    private static let maximum = 1024

    private let state = Mutex(State())

    /// How many are known.
    var count: Int { state.withLock { $0.routes.count } }

    /// The route to a virtual block of a version.
    /// - Parameters:
    ///   - version: What is read.
    ///   - block: The number of the block; 0 if files are kept whole.
    ///   - generation: That of the workers now; routes of other ones are forgotten.
    ///   - make: Makes the route, from workers that are not older than `generation`.
    /// - Returns: The route that is known, or the one that was made.
    func route(
        to version: FileVersion,
        block: Int64,
        generation: UInt64,
        make: () -> ReadRoute
    ) -> ReadRoute {
        let place = Place(version: version, block: block)
        let known = state.withLock { $0.generation == generation ? $0.routes[place] : nil }
        if let known { return known }
        let made = make()
        let dropped = state.withLock { state in
            let isOver = state.generation != generation || state.routes.count >= Self.maximum
            let dropped = isOver ? state.routes : [:]
            if isOver { state.routes = [:] }
            state.generation = generation
            state.routes[place] = made
            return dropped
        }
        withExtendedLifetime(dropped) {}
        return made
    }
}
