/// Which granules of one file are being fetched, and by whom.
///
/// A pure value: the file keeps it under its lock. A granule has at most one claim, and a claim is made
/// only by the thread that fetches it at once. Claims are few (one per fetching thread), so a small array
/// is enough.
struct FlightTable {
    /// A run of granules that one transfer still has to bring.
    struct Claim {
        /// What is still missing of the run.
        var granules: Range<Int>
        /// The transfer.
        let flight: Flight
    }

    private var claims: [Claim] = []

    /// Whether nothing is claimed.
    var isEmpty: Bool { claims.isEmpty }

    /// The parts of `runs` that nobody fetches.
    /// - Parameter runs: Ascending, without overlaps.
    /// - Returns: Ascending, without overlaps, none empty.
    func unclaimed(of runs: [Range<Int>]) -> [Range<Int>] {
        guard !claims.isEmpty, !runs.isEmpty else { return runs }
        var free = runs
        for claim in claims {
            guard free.contains(where: { $0.overlaps(claim.granules) }) else { continue }
            free = free.flatMap { Self.subtract(claim.granules, from: $0) }
        }
        return free
    }

    private static func subtract(_ claimed: Range<Int>, from run: Range<Int>) -> [Range<Int>] {
        guard run.overlaps(claimed) else { return [run] }
        var rest: [Range<Int>] = []
        if run.lowerBound < claimed.lowerBound { rest.append(run.lowerBound..<claimed.lowerBound) }
        if claimed.upperBound < run.upperBound { rest.append(claimed.upperBound..<run.upperBound) }
        return rest
    }

    /// Claims a run for a transfer that starts at once.
    /// - Parameters:
    ///   - granules: Claimed by nobody; not empty.
    ///   - flight: The transfer.
    mutating func claim(_ granules: Range<Int>, for flight: Flight) {
        assert(!granules.isEmpty && !claims.contains { $0.granules.overlaps(granules) })
        claims.append(Claim(granules: granules, flight: flight))
    }

    /// Takes the granules before `granule` out of a claim, because they are present now.
    mutating func advance(_ flight: Flight, to granule: Int) {
        guard let index = claims.firstIndex(where: { $0.flight === flight }) else { return }
        let run = claims[index].granules
        claims[index].granules = min(max(granule, run.lowerBound), run.upperBound)..<run.upperBound
    }

    /// Ends a claim.
    mutating func remove(_ flight: Flight) {
        claims.removeAll { $0.flight === flight }
    }

    /// Who fetches a granule.
    func flight(for granule: Int) -> Flight? {
        claims.first { $0.granules.contains(granule) }?.flight
    }

    /// Whether anybody fetches a granule of the range.
    func overlaps(_ granules: Range<Int>) -> Bool {
        claims.contains { $0.granules.overlaps(granules) }
    }
}
