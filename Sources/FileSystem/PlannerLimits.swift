/// Sizes that the planner goes by, in bytes unless said otherwise.
enum PlannerLimits {
    /// The unit of caching: what is asked for begins and ends at its multiples.
    static let granule = 4 << 10
    /// Files up to this size are fetched whole by the first read near their start.
    static let smallFile: Int64 = 512 << 10
    /// How near.
    static let nearStart: Int64 = 128 << 10
    /// A random read below this size asks for the aligned block of this size around it.
    static let randomBlock = 32 << 10
    /// What the first read of a stream asks for, and the window it starts with.
    static let firstWindow = 256 << 10
    /// How far a stream from the start of a file must have come before anything is asked for ahead of it.
    static let aheadAfter: Int64 = 64 << 10
    /// How far reads that go on from each other elsewhere must have come to be a stream at all: read-arounds
    /// of a mapping that overlap leave the kernel to ask for what comes just behind an earlier one.
    static let streamAfter: Int64 = 384 << 10
    /// What a sequential read asks for when the budget gives it nothing ahead.
    static let starvedAsk = 1 << 20
    /// The least and the most that one range ahead of a stream has, powers of two.
    ///
    /// Between these it has half of the window. Ranges end at multiples of their size; servers charge for
    /// each.
    static let pieceMinimum = 1 << 20
    static let pieceMaximum = 32 << 20
    /// The most that one range has where the store is ``farAway``: there more of them must be under way.
    static let pieceMaximumFar = 8 << 20
    /// What a stream has asked for and not received yet, at the most, besides what flows in the time that the
    /// store takes to begin an answer: enough ranges to fill the line.
    static let inFlight = 32 << 20
    /// The same where the store is ``farAway``, and a connection may be slower than the line.
    static let inFlightFar = 48 << 20
    /// A store that takes longer to begin an answer.
    static let farAway = Duration.milliseconds(8)
    /// How many times longer the window becomes when it grows; more for who had to wait for what was asked
    /// for ahead, most if the store is ``farAway``.
    static let growth = 2
    static let growthWaited = 4
    static let growthFar = 8
    /// A last range shorter than this goes with the one before it.
    static let tinyPiece: Int64 = 256 << 10
    /// How far behind or beyond its position a sequential stream's read may be: the kernel has several in
    /// flight.
    static let reorder: Int64 = 1 << 20
    /// How far a reader may jump ahead inside what was asked for already without becoming a new stream.
    static let skip: Int64 = 16 << 20
    /// Streams that are followed at a time in one file.
    static let streams = 16
    /// Of these, sequential ones; the others are free for single reads that may become streams.
    static let sequentialStreams = 12
    /// How much of a range must have come for the planner to be told.
    static let arrivalStep = 1 << 20
}
