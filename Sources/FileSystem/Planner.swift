import Pages

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
        var isCharged = true
        /// How many of its bytes have come.
        var received = 0
        /// How many bytes the stream had received when it was asked for.
        var askedAt: Int
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
        /// Where the window ended when it last grew.
        var goal: Int64 = 0
        /// Bytes that came ahead, in all.
        var received = 0
        /// How many of them come in the time that an answer takes to begin.
        var flow = 0
        /// Asked for ahead and not yet passed, in order.
        var pieces: [Piece] = []
        /// Whether a read had to wait for something that had been asked for, since the window last grew.
        var didWait = false
        /// The number of its last read, and the second in which that came.
        var lastRead: UInt64
        var lastSecond: UInt32
    }

    /// Changed by the planner only.
    var streams: [Stream] = []
    /// How long an answer takes to begin; zero until one has begun.
    ///
    /// Falls at once, rises slowly: a busy machine makes some answers late.
    var latency = Duration.zero
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
