import Pages

extension Planner {
    /// Takes note of what has come of a range that was asked for ahead, and says what to ask for next.
    /// - Parameters:
    ///   - span: The range.
    ///   - received: How many of its bytes have come so far.
    ///   - latency: How long its answer took to begin, with the first bytes only.
    ///   - share: The most bytes that a stream may have ahead.
    ///   - reserve: Takes up to so many bytes from the budget and says how many it got.
    /// - Returns: What to fetch ahead, and what counts no more.
    mutating func arrived(
        _ span: Span,
        received: Int,
        after latency: Duration?,
        share: Int,
        reserve: (Int) -> Int
    ) -> Plan {
        var plan = Plan(ask: span)
        if let latency { noteLatency(latency) }
        for index in streams.indices {
            guard let piece = streams[index].pieces.firstIndex(where: { $0.span == span }) else { continue }
            streams[index].note(received, ofPiece: piece)
            topUp(index, &plan, share: share, reserve: reserve)
            break
        }
        return plan
    }

    private mutating func noteLatency(_ sample: Duration) {
        latency = latency == .zero || sample < latency ? sample : latency + (sample - latency) / 8
    }

    private var isFar: Bool { latency >= PlannerLimits.farAway }

    /// Asks for more: when half of the window has been read while it grows, and for each range that a full
    /// window has room for; but never for more at a time than fills the line.
    ///
    /// Ranges that are asked for together end together, since they share the line, and then the line is empty
    /// until the next ones begin. So each is asked for when as much of those before it has come: they begin
    /// one after the other and end so, and what is under way on the line never ends.
    mutating func topUp(_ index: Int, _ plan: inout Plan, share: Int, reserve: (Int) -> Int) {
        let stream = streams[index]
        let limit = min(windowMaximum, share)
        guard stream.position - stream.start >= PlannerLimits.aheadAfter, limit > 0 else { return }
        guard stream.issuedEnd < size else { return }
        grow(index, upTo: limit)
        let window = min(streams[index].window, limit)
        let length = pieceLength(for: window)
        let line = (isFar ? PlannerLimits.inFlightFar : PlannerLimits.inFlight) + stream.flow
        var inFlight = stream.inFlightBytes
        while inFlight < line, let span = nextPiece(index, length: length, window: window, limit: limit) {
            let granted = reserve(span.count)
            guard granted == span.count else {
                plan.released += granted
                return
            }
            streams[index].pieces.append(Piece(span: span, askedAt: streams[index].received))
            streams[index].issuedEnd = span.end
            plan.ahead.append(span)
            inFlight += span.count
        }
    }

    private mutating func grow(_ index: Int, upTo limit: Int) {
        let stream = streams[index]
        guard stream.window < limit else { return }
        guard stream.issuedEnd - stream.position < Int64(stream.window / 2) else { return }
        let waited = isFar ? PlannerLimits.growthFar : PlannerLimits.growthWaited
        let factor = stream.didWait ? waited : PlannerLimits.growth
        streams[index].window = min(limit, stream.window * factor)
        streams[index].goal = stream.position + Int64(streams[index].window)
        streams[index].didWait = false
    }

    private func pieceLength(for window: Int) -> Int64 {
        let most = isFar ? PlannerLimits.pieceMaximumFar : PlannerLimits.pieceMaximum
        var length = PlannerLimits.pieceMinimum
        while length < most, length * 2 <= window / 2 { length *= 2 }
        return Int64(length)
    }

    /// The next range, if the window has room for it.
    private func nextPiece(_ index: Int, length: Int64, window: Int, limit: Int) -> Span? {
        let stream = streams[index]
        let start = stream.issuedEnd
        guard start < size else { return nil }
        var end = (start / length + 1) * length
        if end - start < length / 4 { end += length }
        if size - end < PlannerLimits.tinyPiece { end = size }
        end = min(end, size)
        if start < min(stream.goal, stream.position + Int64(window)) { return Span(from: start, to: end) }
        guard stream.window >= limit else { return nil }
        let reach = stream.position + Int64(window)
        guard end <= reach || start - stream.position < Int64(window / 2) else { return nil }
        return Span(from: start, to: end)
    }
}

extension Planner.Stream {
    /// Bytes that were asked for ahead and have not come.
    fileprivate var inFlightBytes: Int {
        pieces.reduce(0) { $0 + ($1.isCharged ? $1.span.count - $1.received : 0) }
    }

    /// Takes note of what has come of a range.
    fileprivate mutating func note(_ count: Int, ofPiece index: Int) {
        let piece = pieces[index]
        guard count > piece.received else { return }
        if piece.received == 0 {
            // What came of the others while this one waited for its beginning.
            let sample = received - piece.askedAt
            flow = max(sample, flow - (flow - sample) / 4)
        }
        pieces[index].received = min(count, piece.span.count)
        received += pieces[index].received - piece.received
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
