import Pages

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
    static let streamAfter: Int64 = 256 << 10
    /// What a sequential read asks for when the budget gives it nothing ahead.
    static let starvedAsk = 1 << 20
    /// The least and the most that one range ahead of a stream has; ranges end at multiples of their size.
    static let pieceMinimum = 1 << 20
    static let pieceMaximum = 16 << 20
    /// What a range has rather than less while two of them fit into the window: servers charge for requests.
    static let pieceUsual = 8 << 20
    /// Ranges in flight for a stream with a full window.
    static let piecesPerWindow = 4
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
}

/// Decides what to fetch for the reads of one file version: a pure state machine, one per inode.
///
/// Follows several interleaved streams, since reads of one inode come from several processes, shared
/// descriptors, mappings and two kernel threads. A read is random until it continues a stream; a sequential
/// stream has ranges fetched ahead of it in a window that doubles while reads keep coming. Nothing is asked
/// for ahead twice.
struct Planner {
    /// What to do after a read.
    struct Plan: Equatable {
        /// What this read fetches if it is missing; contains the read.
        var ask: Span
        /// What to fetch ahead, in order.
        var ahead: [Span] = []
        /// Bytes of earlier ranges that count no more against the budget.
        var released = 0
        /// How many of these were never read.
        var unused = 0
    }

    /// A range that was asked for ahead.
    struct Piece {
        var span: Span
        /// Whether it counts against the budget.
        var isCharged: Bool
    }

    struct Stream {
        /// Where its first read was.
        var start: Int64
        /// One past the furthest byte read.
        var position: Int64
        /// Everything from `position` to here was asked for.
        var issuedEnd: Int64
        /// How far ahead to be; 0: one read only so far.
        var window = 0
        /// Asked for ahead and not yet passed, in order.
        var pieces: [Piece] = []
        /// Whether a read had to wait for something that had been asked for, since the window last grew.
        var didWait = false
        /// The number of its last read, and the second in which that came.
        var lastRead: UInt64
        var lastSecond: UInt32
    }

    private(set) var streams: [Stream] = []
    private var reads: UInt64 = 0
    let size: Int64
    let windowMaximum: Int

    /// Makes the planner of a file version.
    /// - Parameters:
    ///   - size: The version's length in bytes.
    ///   - windowMaximum: The most bytes that one stream has ahead.
    init(size: Int64, windowMaximum: Int) {
        self.size = size
        self.windowMaximum = max(0, windowMaximum)
    }

    /// Bytes that count against the budget.
    var chargedBytes: Int { streams.reduce(0) { $0 + $1.chargedBytes } }
    /// Streams that have anything ahead that counts.
    var chargedStreams: Int { streams.reduce(0) { $0 + ($1.pieces.contains { $0.isCharged } ? 1 : 0) } }

    /// Takes note of a read and says what to fetch.
    /// - Parameters:
    ///   - span: The read; not empty, inside the file.
    ///   - isResident: Whether its bytes were at hand.
    ///   - share: The most bytes that a stream may have ahead, so that all get their part of the budget.
    ///   - second: The time, for ``releaseIdle(before:)``.
    ///   - reserve: Takes up to so many bytes from the budget and says how many it got.
    /// - Returns: What to fetch now and ahead.
    mutating func observed(
        _ span: Span,
        isResident: Bool,
        share: Int,
        second: UInt32,
        reserve: (Int) -> Int
    ) -> Plan {
        if size <= PlannerLimits.smallFile, span.offset < PlannerLimits.nearStart {
            return Plan(ask: Span(from: 0, to: size))
        }
        reads += 1
        guard let index = stream(for: span) else {
            return begin(span, isResident: isResident, second: second)
        }
        streams[index].lastRead = reads
        streams[index].lastSecond = second
        return proceed(index, span, isResident: isResident, share: share, reserve: reserve)
    }

    /// The stream that a read continues: the one whose position is nearest.
    private func stream(for span: Span) -> Int? {
        var best: Int?
        var bestDistance = Int64.max
        for index in streams.indices {
            let stream = streams[index]
            let distance = span.offset - stream.position
            guard distance == 0 || (stream.window > 0 && stream.accepts(span, at: distance)) else { continue }
            guard abs(distance) < bestDistance else { continue }
            best = index
            bestDistance = abs(distance)
        }
        return best
    }

    /// The first read of what may become a stream.
    private mutating func begin(_ span: Span, isResident: Bool, second: UInt32) -> Plan {
        var stream = Stream(
            start: span.offset,
            position: span.end,
            issuedEnd: span.end,
            lastRead: reads,
            lastSecond: second
        )
        var plan = Plan(ask: Self.randomAsk(span, size: size))
        if span.offset == 0 {
            stream.window = PlannerLimits.firstWindow
            plan.ask = Span(from: 0, to: max(span.end, Int64(PlannerLimits.firstWindow)))
                .aligned(to: PlannerLimits.granule, size: size)
        }
        if !isResident {
            stream.issuedEnd = plan.ask.end
            // Whoever goes on from here has waited once already; elsewhere, two reads may meet by chance.
            stream.didWait = span.offset == 0
        }
        makeRoom(&plan)
        streams.append(stream)
        return plan
    }

    /// A read that goes on in a stream.
    private mutating func proceed(
        _ index: Int,
        _ span: Span,
        isResident: Bool,
        share: Int,
        reserve: (Int) -> Int
    ) -> Plan {
        var plan = Plan(ask: span.aligned(to: PlannerLimits.granule, size: size))
        if span.end > streams[index].position {
            streams[index].position = span.end
            plan.released = streams[index].popConsumed()
        }
        if streams[index].window == 0 {
            guard span.end - streams[index].start >= PlannerLimits.streamAfter else {
                streams[index].issuedEnd = max(streams[index].issuedEnd, plan.ask.end)
                return plan
            }
            streams[index].window = PlannerLimits.firstWindow
        }
        let wasIssued = span.end <= streams[index].issuedEnd
        if wasIssued, !isResident { streams[index].didWait = true }
        let askedBefore = streams[index].issuedEnd
        streams[index].issuedEnd = max(askedBefore, plan.ask.end)
        topUp(index, &plan, share: share, reserve: reserve)
        if !isResident, !wasIssued, plan.ahead.isEmpty {
            let isEarly = streams[index].window <= PlannerLimits.firstWindow
            let wanted = isEarly ? PlannerLimits.firstWindow : min(PlannerLimits.starvedAsk, max(share, 0))
            plan.ask = Span(from: plan.ask.offset, to: max(plan.ask.end, plan.ask.offset + Int64(wanted)))
                .aligned(to: PlannerLimits.granule, size: size)
            streams[index].issuedEnd = max(streams[index].issuedEnd, plan.ask.end)
        }
        return plan
    }

    /// Asks for more: when half of the window has been read while it grows, and for each range that a full
    /// window has room for, so that as many as possible are always under way.
    private mutating func topUp(_ index: Int, _ plan: inout Plan, share: Int, reserve: (Int) -> Int) {
        let stream = streams[index]
        let limit = min(windowMaximum, share)
        guard stream.position - stream.start >= PlannerLimits.aheadAfter, limit > 0 else { return }
        guard stream.issuedEnd < size else { return }
        let isFull = stream.window >= limit
        let wanted = min(limit, stream.window * (stream.didWait ? 4 : 2))
        let usual = max(wanted / PlannerLimits.piecesPerWindow, min(wanted / 2, PlannerLimits.pieceUsual))
        let piece = min(max(usual, PlannerLimits.pieceMinimum), PlannerLimits.pieceMaximum)
        let room = isFull ? max(limit - piece, limit / 2) : min(stream.window, limit) / 2
        guard stream.issuedEnd - stream.position < Int64(room) else { return }
        let target = min(size, stream.position + Int64(wanted))
        while streams[index].issuedEnd < target {
            let span = nextPiece(from: streams[index].issuedEnd, length: Int64(piece))
            let granted = reserve(span.count)
            guard granted == span.count else {
                plan.released += granted
                return
            }
            streams[index].pieces.append(Piece(span: span, isCharged: true))
            streams[index].issuedEnd = span.end
            plan.ahead.append(span)
        }
        streams[index].window = wanted
        streams[index].didWait = false
    }

    private func nextPiece(from start: Int64, length: Int64) -> Span {
        var end = (start / length + 1) * length
        if end - start < length / 4 { end += length }
        if size - end < PlannerLimits.tinyPiece { end = size }
        return Span(from: start, to: min(end, size))
    }

    private static func randomAsk(_ span: Span, size: Int64) -> Span {
        let block = span.count < PlannerLimits.randomBlock ? PlannerLimits.randomBlock : PlannerLimits.granule
        return span.aligned(to: block, size: size)
    }

    /// Gives up a stream for a new one: a single read before a sequential stream, the longest unread first.
    private mutating func makeRoom(_ plan: inout Plan) {
        guard streams.count >= PlannerLimits.streams else { return }
        let sequential = streams.reduce(0) { $0 + ($1.window > 0 ? 1 : 0) }
        let givesSequential = sequential > PlannerLimits.sequentialStreams
        var oldest: Int?
        for index in streams.indices where (streams[index].window > 0) == givesSequential {
            if oldest.map({ streams[index].lastRead < streams[$0].lastRead }) ?? true { oldest = index }
        }
        guard let oldest else { return }
        let stream = streams.remove(at: oldest)
        plan.released += stream.chargedBytes
        plan.unused += stream.unreadBytes
    }
}

extension Planner.Stream {
    /// Bytes that count against the budget.
    var chargedBytes: Int { pieces.reduce(0) { $0 + ($1.isCharged ? $1.span.count : 0) } }
    /// Bytes asked for ahead, counted, and never read.
    var unreadBytes: Int {
        pieces.reduce(0) {
            $0 + ($1.isCharged ? Int(max(0, $1.span.end - max($1.span.offset, position))) : 0)
        }
    }

    /// Whether a read at a distance from the position of a sequential stream is still part of it.
    fileprivate func accepts(_ span: Span, at distance: Int64) -> Bool {
        if distance < 0 { return distance >= -PlannerLimits.reorder && span.offset >= start }
        if span.offset < issuedEnd { return distance <= PlannerLimits.skip }
        return distance <= PlannerLimits.reorder && span.offset <= issuedEnd + PlannerLimits.nearStart
    }

    /// Drops the ranges that lie behind the position.
    /// - Returns: How many bytes of them counted.
    fileprivate mutating func popConsumed() -> Int {
        var released = 0
        var passed = 0
        for piece in pieces {
            guard piece.span.end <= position else { break }
            if piece.isCharged { released += piece.span.count }
            passed += 1
        }
        if passed > 0 { pieces.removeFirst(passed) }
        return released
    }
}

extension Planner {
    /// Whether a range that was asked for ahead is still of use.
    func isWanted(_ span: Span) -> Bool {
        streams.contains { stream in stream.pieces.contains { $0.span == span } }
    }

    /// Notes that a range was at hand already and costs nothing.
    /// - Returns: How many bytes count no more.
    mutating func wasCovered(_ span: Span) -> Int {
        for stream in streams.indices {
            for piece in streams[stream].pieces.indices where streams[stream].pieces[piece].span == span {
                guard streams[stream].pieces[piece].isCharged else { return 0 }
                streams[stream].pieces[piece].isCharged = false
                return span.count
            }
        }
        return 0
    }

    /// Takes back a range that could not be fetched, and what was asked for after it, so that it is asked for
    /// again.
    /// - Returns: How many bytes count no more.
    mutating func retract(_ span: Span) -> Int {
        for index in streams.indices {
            guard let piece = streams[index].pieces.firstIndex(where: { $0.span == span }) else { continue }
            let before = streams[index].chargedBytes
            streams[index].pieces.removeSubrange(piece...)
            streams[index].issuedEnd = max(span.offset, streams[index].position)
            return before - streams[index].chargedBytes
        }
        return 0
    }

    /// Gives back the budget of streams that have not been read for a while; they may go on later.
    /// - Parameter second: The first second that is recent enough.
    /// - Returns: Bytes that count no more, and how many of them were never read.
    mutating func releaseIdle(before second: UInt32) -> (released: Int, unused: Int) {
        var released = 0
        var unused = 0
        for index in streams.indices where streams[index].lastSecond < second {
            released += streams[index].chargedBytes
            unused += streams[index].unreadBytes
            for piece in streams[index].pieces.indices { streams[index].pieces[piece].isCharged = false }
        }
        return (released, unused)
    }
}
