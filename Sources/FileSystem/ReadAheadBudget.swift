import Synchronization

/// How many bytes all streams of all files together may have asked for ahead and not yet read.
///
/// When it runs short, windows shrink: each stream may have an equal share, and gets ranges again when it has
/// read what it has. Any thread may call it.
final class ReadAheadBudget: Sendable {
    /// The most bytes.
    let total: Int
    private let taken = Atomic(0)
    private let streams = Atomic(0)

    /// Makes a budget of which nothing is taken.
    /// - Parameter total: The most bytes; not negative.
    init(total: Int) {
        self.total = max(0, total)
    }

    /// Bytes that are taken.
    var takenBytes: Int { taken.load(ordering: .relaxed) }

    /// The most that one stream may have, with one more stream than there are now if it has nothing yet.
    func share(isNew: Bool) -> Int {
        total / max(1, streams.load(ordering: .relaxed) + (isNew ? 1 : 0))
    }

    /// Takes bytes.
    /// - Parameter bytes: How many are wanted.
    /// - Returns: All of them, or 0 if there are fewer.
    func take(_ bytes: Int) -> Int {
        var seen = taken.load(ordering: .relaxed)
        while seen + bytes <= total {
            let (exchanged, original) = taken.compareExchange(
                expected: seen,
                desired: seen + bytes,
                ordering: .relaxed
            )
            if exchanged { return bytes }
            seen = original
        }
        return 0
    }

    /// Gives bytes back.
    func give(_ bytes: Int) {
        taken.subtract(bytes, ordering: .relaxed)
    }

    /// Takes note of how many streams have something ahead.
    func adjustStreams(by difference: Int) {
        if difference != 0 { streams.add(difference, ordering: .relaxed) }
    }
}
