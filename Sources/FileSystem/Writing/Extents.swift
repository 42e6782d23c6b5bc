import Pages

/// Which bytes of a file that is being changed lie where.
///
/// Pure. Every byte before `size` is *staged* (in the staging file, where a hole is zeros) or else lies in
/// the
/// base version at the same offset. Staged bytes that the last commit does not have are *dirty*.
struct Extents: Sendable {
    /// A run of bytes that lies in one place.
    struct Piece: Hashable, Sendable {
        let span: Span
        let isStaged: Bool
    }

    /// Length of the file in bytes.
    private(set) var size: Int64
    /// Whether the file differs from its last commit, or was never committed.
    private(set) var isDirty: Bool
    private var staged = RangeSet<Int64>()
    private var dirty = RangeSet<Int64>()

    /// The extents of a file of which nothing has been changed.
    /// - Parameter base: Length of the base version; nil: there is none, and the file is new.
    init(base: Int64?) {
        size = base ?? 0
        isDirty = base == nil
    }

    /// The extents of a new file that is a copy of a version.
    init(copying base: Int64) {
        size = base
        isDirty = true
    }

    /// The bytes that the staging file holds.
    var stagedBytes: Int64 { staged.ranges.reduce(0) { $0 + Int64($1.count) } }
    /// Where they are.
    var stagedSpans: [Span] { staged.ranges.map { Span(from: $0.lowerBound, to: $0.upperBound) } }

    /// Bytes were written to the staging file.
    mutating func wrote(_ span: Span) {
        guard !span.isEmpty else { return }
        // What lies between the old end and the write is zeros: a hole of the staging file.
        let start = min(span.offset, size)
        insert(start..<span.end)
        size = max(size, span.end)
    }

    /// The file was cut, or got zeros at its end.
    mutating func resize(to newSize: Int64) {
        guard newSize != size else { return }
        isDirty = true
        if newSize < size {
            staged.remove(contentsOf: newSize..<size)
            dirty.remove(contentsOf: newSize..<size)
        } else {
            insert(size..<newSize)
        }
        size = newSize
    }

    /// Bytes of the base were copied to the staging file.
    mutating func brought(_ span: Span) {
        staged.insert(contentsOf: span.offset..<span.end)
    }

    /// The store has everything.
    mutating func committed() {
        dirty = RangeSet()
        isDirty = false
    }

    /// What a commit takes over from the version that was committed last.
    var kept: [Span] {
        var all = RangeSet<Int64>()
        if size > 0 { all.insert(contentsOf: 0..<size) }
        return all.subtracting(dirty).ranges.map { Span(from: $0.lowerBound, to: $0.upperBound) }
    }

    /// Where the bytes of a span lie, in order.
    /// - Parameter span: Inside of the file.
    /// - Returns: Pieces that make up the span.
    func pieces(of span: Span) -> [Piece] {
        guard !span.isEmpty else { return [] }
        var pieces: [Piece] = []
        var next = span.offset
        let wanted = RangeSet(span.offset..<span.end)
        for range in staged.intersection(wanted).ranges {
            if range.lowerBound > next {
                pieces.append(Piece(span: Span(from: next, to: range.lowerBound), isStaged: false))
            }
            pieces.append(Piece(span: Span(from: range.lowerBound, to: range.upperBound), isStaged: true))
            next = range.upperBound
        }
        if next < span.end { pieces.append(Piece(span: Span(from: next, to: span.end), isStaged: false)) }
        return pieces
    }

    /// The parts of the file that only the base has.
    var missing: [Span] {
        pieces(of: Span(from: 0, to: size)).filter { !$0.isStaged }.map(\.span)
    }

    private mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        isDirty = true
        staged.insert(contentsOf: range)
        dirty.insert(contentsOf: range)
    }
}
