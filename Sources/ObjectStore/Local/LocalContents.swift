internal import CLinux
internal import Glibc
internal import Metadata
internal import Pages

/// What a commit changes of a file: the bytes that are not kept, of which some are holes.
///
/// Used by one thread.
struct LocalContents {
    typealias Failure = LocalRoot.Failure

    /// What becomes of a range of the file.
    enum Piece: Hashable {
        /// Copied from the staging file.
        case data(Range<Int64>)
        /// Zeros.
        case hole(Range<Int64>)
    }

    private let contents: StagedContents

    init(_ contents: StagedContents) {
        self.contents = contents
    }

    /// The ranges that are not kept.
    /// - Parameters:
    ///   - kept: In order, not overlapping.
    ///   - size: The length of the file.
    /// - Returns: In order, none empty.
    static func changed(keeping kept: [Span], size: Int64) -> [Range<Int64>] {
        var ranges: [Range<Int64>] = []
        var position: Int64 = 0
        for span in kept where !span.isEmpty {
            let end = min(span.offset, size)
            if end > position { ranges.append(position..<end) }
            position = max(position, span.end)
        }
        if position < size { ranges.append(position..<size) }
        return ranges
    }

    /// Writes everything that is not kept, and gives the file its length.
    /// - Parameters:
    ///   - file: Open for writing.
    ///   - size: Its length now.
    /// - Throws: The errno; ENOSPC and EDQUOT mostly before anything was changed.
    func write(to file: OpenFile, over size: Int64) throws(Failure) {
        let pieces = try pieces()
        // A file that is empty has nothing to lose.
        if size > 0 {
            for case .data(let range) in pieces {
                try LocalPlace.result(
                    alluxio_reserve_range(file.descriptor, range.lowerBound, Int64(range.count))
                )
            }
        }
        for piece in pieces { try write(piece, to: file, over: size) }
        // Setting the length it has changes the time of a file of which no byte was written.
        let size = try file.status().st_size
        guard pieces.isEmpty || size != off_t(contents.size) else { return }
        try LocalPlace.call { ftruncate(file.descriptor, off_t(contents.size)) }
    }

    private func write(_ piece: Piece, to file: OpenFile, over size: Int64) throws(Failure) {
        switch piece {
        case .data(let range):
            try LocalPlace.result(
                alluxio_copy_range(contents.staged, file.descriptor, range.lowerBound, Int64(range.count))
            )
        case .hole(let range):
            // Past the old end there is nothing to clear.
            let old = range.clamped(to: 0..<max(size, 0))
            guard !old.isEmpty else { return }
            try LocalPlace.result(
                alluxio_clear_range(file.descriptor, old.lowerBound, Int64(old.count))
            )
        }
    }

    /// Data and holes of the staging file in what is not kept.
    private func pieces() throws(Failure) -> [Piece] {
        var pieces: [Piece] = []
        for range in Self.changed(keeping: contents.kept, size: contents.size) {
            var position = range.lowerBound
            while position < range.upperBound {
                let data = alluxio_next_data(contents.staged, position)
                guard data >= 0 || data == -Int64(ENXIO) else { throw Failure(code: Int32(-data)) }
                let start = data < 0 ? range.upperBound : min(data, range.upperBound)
                if start > position { pieces.append(.hole(position..<start)) }
                guard start < range.upperBound else { break }
                let hole = alluxio_next_hole(contents.staged, start)
                guard hole >= 0 else { throw Failure(code: Int32(-hole)) }
                let end = min(max(hole, start), range.upperBound)
                // A staging file that ends early ends in a hole.
                guard end > start else {
                    pieces.append(.hole(start..<range.upperBound))
                    break
                }
                pieces.append(.data(start..<end))
                position = end
            }
        }
        return pieces
    }
}
