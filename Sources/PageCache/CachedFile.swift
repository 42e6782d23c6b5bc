import Pages
import Synchronization

/// What all files of one cache share.
struct CacheContext: Sendable {
    let next: any SpanSource
    let options: PageCacheOptions
    let metrics: PageCacheMetrics
    let privateBuffers: PrivateBuffers
}

/// One version that the cache knows: its stored bytes and the transfers under way.
///
/// Lock order: the flight table, then the content. No lock is held while bytes are fetched.
final class CachedFile: Sendable {
    let version: FileVersion
    let key: VersionKey
    let content: any StoredContent
    private let flights: Flights
    /// What the store calls the version by now, if it was renamed.
    private let successor = Mutex<FileVersion?>(nil)

    /// The transfers into one content, which several versions have when it was renamed.
    private final class Flights: Sendable {
        let table = Mutex(FlightTable())
    }

    init(version: FileVersion, key: VersionKey, content: any StoredContent) {
        self.version = version
        self.key = key
        self.content = content
        flights = Flights()
    }

    /// The same bytes under another name.
    init(_ other: CachedFile, renamed version: FileVersion, key: VersionKey) {
        self.version = version
        self.key = key
        content = other.content
        flights = other.flights
    }

    /// What to ask the next link for.
    var source: FileVersion { successor.withLock { $0 } ?? version }

    /// Says what the store calls the version by now.
    func renamed(to version: FileVersion) {
        successor.withLock { $0 = version == self.version ? nil : version }
    }

    /// What a reader does about bytes that are not there.
    enum Need {
        /// Nothing is missing; look again.
        case present
        /// The reader has claimed these runs and must fetch them at once.
        case fetch([Transfer.Run])
        /// Somebody fetches a granule that is needed.
        case wait(Flight, generation: UInt64)
    }

    /// Claims what is missing of `ask`, if anything of `span` is missing and unclaimed.
    func claim(_ span: Span, asking ask: Span) -> Need {
        let wanted = Granule.range(of: span)
        let asked = Granule.range(of: ask.aligned(to: Granule.bytes, size: version.size))
        content.prepare(asked)
        return flights.table.withLock { table in
            let missing = content.missing(in: wanted)
            guard let first = missing.first else { return .present }
            if table.unclaimed(of: missing).isEmpty, let flight = table.flight(for: first.lowerBound) {
                return .wait(flight, generation: flight.generation)
            }
            return .fetch(
                table.unclaimed(of: content.missing(in: asked)).map { granules in
                    let flight = Flight()
                    table.claim(granules, for: flight)
                    return Transfer.Run(granules: granules, flight: flight)
                }
            )
        }
    }

    /// Whether every granule of a span is present or claimed.
    func isCovered(_ span: Span) -> Bool {
        let granules = Granule.range(of: span)
        content.prepare(granules)
        return flights.table.withLock { table in
            table.unclaimed(of: content.missing(in: granules)).isEmpty
        }
    }

    /// Records that a flight's granules are readable up to `granule`, and wakes those who wait for them.
    func advance(_ flight: Flight, to granule: Int) {
        flights.table.withLock { $0.advance(flight, to: granule) }
        flight.advance()
    }

    /// Ends a flight.
    func end(_ flight: Flight, _ ending: Flight.Ending) {
        flights.table.withLock { $0.remove(flight) }
        flight.end(ending)
    }

    /// Runs `body` while nobody can fetch into a range of granules, so that it can be evicted.
    /// - Returns: `false` if somebody is fetching there; then `body` has not run.
    func withNobodyFetching(_ granules: Range<Int>, _ body: () -> Void) -> Bool {
        guard !granules.isEmpty else { return false }
        let flight = Flight()
        let isMine = flights.table.withLock { table in
            guard !table.overlaps(granules) else { return false }
            table.claim(granules, for: flight)
            return true
        }
        guard isMine else { return false }
        body()
        end(flight, .over)
        return true
    }
}
