import Pages

/// Where the parts of a file lie that is written from its start, before anybody knows how long it gets.
///
/// The first 150 parts have the same size, the next 150 one step more, and so on, so that
/// ``partsMaximum`` parts reach ``sizeMaximum``. Pure.
struct PartSchedule: Hashable, Sendable {
    /// The most parts of an upload.
    static let partsMaximum = 10_000
    /// The longest object, in bytes.
    static let sizeMaximum: Int64 = 5 << 40
    /// The shortest part that is not the last, in bytes.
    static let minimumBytes: Int64 = 5 << 20
    /// How many parts have the same size.
    private static let run: Int64 = 150
    private static let mebibyte: Int64 = 1 << 20

    /// The size of the first parts, in bytes.
    let base: Int64
    private let step: Int64

    /// - Parameter base: The size of the first parts, in bytes; 5 MiB to 1 GiB, else the nearest of them.
    init(base: Int) {
        self.base = min(max(Int64(base), Self.minimumBytes), 1 << 30)
        let missing = Self.sizeMaximum - Int64(Self.partsMaximum) * self.base
        let blocks = Int64(Self.partsMaximum) / Self.run
        let rest = Int64(Self.partsMaximum) % Self.run
        let steps = Self.run * (blocks * (blocks - 1) / 2) + rest * blocks
        // Whole mebibytes, rounded up.
        let unit = Self.mebibyte * steps
        step = missing <= 0 ? 0 : (missing + unit - 1) / unit * Self.mebibyte
    }

    /// The offset of a part, counted from 0.
    func start(of index: Int) -> Int64 {
        let (block, rest) = Int64(index).quotientAndRemainder(dividingBy: Self.run)
        return Self.run * (block * base + step * (block * (block - 1) / 2)) + rest * (base + step * block)
    }

    /// The bytes of a part, counted from 0.
    func span(of index: Int) -> Span { Span(from: start(of: index), to: start(of: index + 1)) }

    /// The part that a byte lies in.
    func index(of offset: Int64) -> Int {
        var (low, high) = (0, Self.partsMaximum)
        while high - low > 1 {
            let middle = (low + high) / 2
            if start(of: middle) <= offset { low = middle } else { high = middle }
        }
        return low
    }
}

/// Which requests bring a file into the store.
///
/// Pure: no I/O. The parts are in order, cover every byte once, and all but the last have 5 MiB or more.
struct PartPlan: Hashable, Sendable {
    /// Where a part comes from.
    enum Source: Hashable, Sendable {
        /// It was sent ahead.
        case sent
        /// Its bytes are read, from the staging file and where they are kept from the base, and sent.
        case put
        /// The store copies it from the base.
        case copy
    }

    /// One part of the upload.
    struct Part: Hashable, Sendable {
        /// From 1 up to 10 000, rising.
        var number: Int
        var span: Span
        var source: Source
    }

    /// The most that one UploadPartCopy copies, in bytes; S3 takes 5 GiB, but several at once are faster.
    static let copyMaximumBytes: Int64 = 1 << 30
    /// Kept bytes that are read and sent rather than copied, where that saves the requests of an upload.
    static let worthCopyingBytes: Int64 = 8 << 20

    /// In order; a file that goes out in one PutObject has none.
    private(set) var parts: [Part] = []
    /// Whether one PutObject does.
    private(set) var isSingle = false

    private let size: Int64
    private let kept: [Span]
    private let schedule: PartSchedule

    /// Plans.
    /// - Parameters:
    ///   - size: The new length in bytes.
    ///   - kept: What the store has already, in order, not overlapping; empty where it cannot copy.
    ///   - sent: The parts of the schedule that were sent ahead and are up to date, by their place from 0.
    ///   - schedule: Where they lie.
    /// - Throws: ``StoreError/tooLarge(_:)`` beyond 5 TiB.
    init(size: Int64, kept: [Span], sent: Set<Int>, schedule: PartSchedule) throws(StoreError) {
        guard size <= PartSchedule.sizeMaximum else {
            throw .tooLarge("\(size) bytes; an object has at most \(PartSchedule.sizeMaximum)")
        }
        self.size = size
        self.kept = kept.filter { !$0.isEmpty }
        self.schedule = schedule
        let usable = sent.filter { index in
            let span = schedule.span(of: index)
            return span.end <= size && self.kept.allSatisfy { $0.end <= span.offset || $0.offset >= span.end }
        }.sorted()
        let keptBytes = self.kept.reduce(Int64(0)) { $0 + Int64($1.count) }
        isSingle =
            size == 0 || (usable.isEmpty && size <= schedule.base && keptBytes < Self.worthCopyingBytes)
        if !isSingle { fill(around: usable) }
    }

    private mutating func fill(around sent: [Int]) {
        var next = 0
        for index in sent {
            fill(cells: next..<index, to: schedule.start(of: index))
            parts.append(Part(number: index + 1, span: schedule.span(of: index), source: .sent))
            next = index + 1
        }
        if schedule.start(of: next) < size { fill(cells: next..<PartSchedule.partsMaximum, to: size) }
    }

    /// Plans the bytes of some cells of the schedule, with at most as many parts as there are cells.
    private mutating func fill(cells: Range<Int>, to end: Int64) {
        guard !cells.isEmpty else { return }
        let span = Span(from: schedule.start(of: cells.lowerBound), to: end)
        var threshold = PartSchedule.minimumBytes
        while threshold <= Self.copyMaximumBytes {
            let pieces = pieces(of: span, copying: threshold)
            if pieces.count <= cells.count {
                append(pieces, from: cells.lowerBound)
                return
            }
            threshold *= 2
        }
        var pieces: [Piece] = []
        for index in cells {
            let cell = schedule.span(of: index).clamped(to: end)
            if cell.isEmpty { break }
            pieces.append(Piece(span: cell, isCopy: false))
        }
        append(pieces, from: cells.lowerBound)
    }

    private mutating func append(_ pieces: [Piece], from index: Int) {
        for (place, piece) in pieces.enumerated() {
            parts.append(
                Part(number: index + place + 1, span: piece.span, source: piece.isCopy ? .copy : .put)
            )
        }
    }

    private struct Piece {
        var span: Span
        var isCopy: Bool
        var count: Int64 { Int64(span.count) }
    }

    private func pieces(of span: Span, copying threshold: Int64) -> [Piece] {
        let isTail = span.end == size
        var runs = runs(of: span, copying: threshold)
        Self.lengthen(&runs, isTail: isTail)
        var result: [Piece] = []
        for (place, run) in runs.enumerated() {
            if run.isCopy {
                Self.split(run, &result)
            } else {
                split(run, isLast: isTail && place == runs.count - 1, &result)
            }
        }
        return result
    }

    /// What is copied and what is sent, by turns.
    private func runs(of span: Span, copying threshold: Int64) -> [Piece] {
        var runs: [Piece] = []
        var place = span.offset
        for range in kept {
            let start = max(range.offset, span.offset)
            let end = min(range.end, span.end)
            guard end - start >= threshold else { continue }
            if place < start { runs.append(Piece(span: Span(from: place, to: start), isCopy: false)) }
            // Kept ranges may touch.
            if let last = runs.last, last.isCopy, last.span.end == start {
                runs[runs.count - 1].span = Span(from: last.span.offset, to: end)
            } else {
                runs.append(Piece(span: Span(from: start, to: end), isCopy: true))
            }
            place = end
        }
        if place < span.end { runs.append(Piece(span: Span(from: place, to: span.end), isCopy: false)) }
        return runs
    }

    /// Gives runs that are too short to be a part some bytes of what would be copied beside them.
    private static func lengthen(_ runs: inout [Piece], isTail: Bool) {
        let minimum = PartSchedule.minimumBytes
        var place = 0
        while place < runs.count {
            let run = runs[place]
            let isLast = place == runs.count - 1
            guard !run.isCopy, run.count < minimum, !(isLast && isTail) else {
                place += 1
                continue
            }
            let missing = minimum - run.count
            if !isLast, runs[place + 1].count - missing >= (place + 2 == runs.count && isTail ? 1 : minimum) {
                let next = runs[place + 1].span
                runs[place].span = Span(from: run.span.offset, to: run.span.end + missing)
                runs[place + 1].span = Span(from: next.offset + missing, to: next.end)
            } else if place > 0, runs[place - 1].count - missing >= minimum {
                let before = runs[place - 1].span
                runs[place - 1].span = Span(from: before.offset, to: before.end - missing)
                runs[place].span = Span(from: run.span.offset - missing, to: run.span.end)
            } else if !isLast {
                absorb(place + 1, &runs)
            } else if place > 0 {
                absorb(place - 1, &runs)
                place = max(place - 2, 0)
            } else {
                place += 1
            }
        }
    }

    /// Sends what would have been copied, together with its neighbours.
    private static func absorb(_ copy: Int, _ runs: inout [Piece]) {
        let first = max(copy - 1, 0)
        let last = min(copy + 1, runs.count - 1)
        let whole = Span(from: runs[first].span.offset, to: runs[last].span.end)
        runs.replaceSubrange(first...last, with: [Piece(span: whole, isCopy: false)])
    }

    private static func split(_ run: Piece, _ result: inout [Piece]) {
        let count = (run.count + copyMaximumBytes - 1) / copyMaximumBytes
        for index in 0..<count {
            let start = run.span.offset + run.count * index / count
            let end = run.span.offset + run.count * (index + 1) / count
            result.append(Piece(span: Span(from: start, to: end), isCopy: true))
        }
    }

    private func split(_ run: Piece, isLast: Bool, _ result: inout [Piece]) {
        var place = run.span.offset
        while place < run.span.end {
            var end = min(place + partBytes, run.span.end)
            let rest = run.span.end - end
            if rest > 0, rest < PartSchedule.minimumBytes, !isLast { end = run.span.end }
            result.append(Piece(span: Span(from: place, to: end), isCopy: false))
            place = end
        }
    }

    /// The size of the parts of a file whose length is known, in bytes.
    private var partBytes: Int64 {
        let needed = size / Int64(PartSchedule.partsMaximum * 9 / 10) + 1
        let mebibyte: Int64 = 1 << 20
        return max(schedule.base, (needed + mebibyte - 1) / mebibyte * mebibyte)
    }
}
