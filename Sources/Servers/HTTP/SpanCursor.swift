import Pages

/// Cuts the spans of an answer into steps, and says what to fetch with and ahead of each.
///
/// Pure. A span that fits a window is fetched by one request. A longer one is fetched in windows aligned in
/// the file, the next while one is sent; its first step is fetched alone, so that the first bytes leave
/// early. Nothing outside of the spans is ever asked for.
struct SpanCursor: Equatable, Sendable {
    /// What is sent at once, and what to fetch if it is missing.
    struct Step: Equatable, Sendable {
        /// The bytes of the step.
        let span: Span
        /// What to fetch if some of them are missing.
        let ask: Span
        /// What to fetch meanwhile.
        let ahead: [Span]
    }

    /// Total length in bytes.
    let count: Int64
    /// The longest step in bytes; may change between steps.
    var stepBytes: Int
    private let spans: [Span]
    private let windowBytes: Int64
    private var index = 0
    private var position: Int64
    private var aheadEnd: Int64
    private var spansAhead = 1

    /// Spans of one request that are fetched at a time.
    private static let spansAheadMaximum = 8

    /// - Parameters:
    ///   - spans: Which bytes, in order; empty ones are skipped.
    ///   - stepBytes: The longest step in bytes; positive.
    ///   - windowBytes: The longest request to the next link in bytes; not less than a step.
    init(_ spans: [Span], stepBytes: Int, windowBytes: Int) {
        self.spans = spans.filter { !$0.isEmpty }
        self.stepBytes = stepBytes
        self.windowBytes = Int64(max(windowBytes, stepBytes))
        count = spans.reduce(0) { $0 + Int64($1.count) }
        position = self.spans.first?.offset ?? 0
        aheadEnd = position
    }

    /// Whether every byte is in a step that was given out.
    var isAtEnd: Bool { index == spans.count }

    /// The next step.
    /// - Returns: nil at the end.
    mutating func next() -> Step? {
        guard index < spans.count else { return nil }
        let span = spans[index]
        let start = position
        let step = Int64(stepBytes)
        let end = min((start / step + 1) * step, span.end)
        let window = min((start / windowBytes + 1) * windowBytes, span.end)
        let isLong = Int64(span.count) > windowBytes
        let isFirst = start == span.offset
        var ahead: [Span] = isFirst ? nextSpans() : []
        let ask: Span
        if isLong {
            ask = Span(from: start, to: isFirst ? end : max(window, end))
            if let more = nextWindow(of: span, after: end, window: window, isFirst: isFirst) {
                ahead.append(more)
            }
        } else {
            ask = Span(from: start, to: span.end)
        }
        advance(to: end, in: span)
        return Step(span: Span(from: start, to: end), ask: ask, ahead: ahead)
    }

    private mutating func advance(to end: Int64, in span: Span) {
        position = end
        guard end == span.end else { return }
        index += 1
        if index < spans.count {
            position = spans[index].offset
            aheadEnd = position
        }
    }

    /// The short spans behind the current one that nobody has been told to fetch yet.
    private mutating func nextSpans() -> [Span] {
        let first = max(spansAhead, index + 1)
        let end = min(spans.count, index + 1 + Self.spansAheadMaximum)
        guard first < end else { return [] }
        spansAhead = end
        return spans[first..<end].filter { Int64($0.count) <= windowBytes }
    }

    private mutating func nextWindow(of span: Span, after end: Int64, window: Int64, isFirst: Bool) -> Span? {
        let wanted = min(isFirst ? window : window + windowBytes, span.end)
        let start = max(aheadEnd, end)
        guard start < wanted else { return nil }
        aheadEnd = wanted
        return Span(from: start, to: wanted)
    }
}
