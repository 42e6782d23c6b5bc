import CLinux
public import Pages

/// The CRC-32C of what a staging file holds, taken from the bytes while they are written, so that nobody has
/// to read them again for it.
///
/// Pure. Sums are kept of pieces of ``pieceBytes``, each from its first byte to the last one that was written
/// in order. A piece that was changed in another way has none until it is written anew from its start.
public struct StagedSums: Sendable {
    /// Bytes of a piece; a part of an upload is made of whole ones.
    public static let pieceBytes = 1 << 20
    /// The most pieces that are kept sums of, 1 MiB of memory; what lies behind them has none.
    public static let piecesMaximum = 1 << 16

    private struct Piece {
        var sum: UInt32 = 0
        /// Bytes from the start of the piece that the sum is of.
        var count = 0

        mutating func write(_ bytes: UnsafeRawBufferPointer, at start: Int) {
            if start < count { self = Self() }
            // What lies behind a gap is not counted, and stays so when the gap is filled.
            guard start == count else { return }
            sum = linux_crc32c(sum, bytes.baseAddress, bytes.count)
            count += bytes.count
        }
    }

    private let bytes: Int
    private var pieces: [Piece] = []

    /// The sums of an empty file.
    public init() { self.init(pieceBytes: Self.pieceBytes) }

    /// - Parameter pieceBytes: Bytes of a piece, fewer than usual in tests.
    init(pieceBytes: Int) { bytes = pieceBytes }

    /// Takes what was written; bytes that are written again count as they are now.
    /// - Parameters:
    ///   - bytes: What was written.
    ///   - offset: Where, in bytes; not negative.
    public mutating func wrote(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        var done = 0
        while done < bytes.count {
            let (index, start) = place(of: offset + Int64(done))
            guard index < Self.piecesMaximum else { return }
            let count = min(bytes.count - done, self.bytes - start)
            let run = UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)])
            while pieces.count <= index { pieces.append(Piece()) }
            pieces[index].write(run, at: start)
            done += count
        }
    }

    /// Forgets the sums of bytes that are cut off, erased, or about to change in a way that nobody tells.
    /// - Parameter span: Which ones.
    public mutating func forget(_ span: Span) {
        guard !span.isEmpty, !pieces.isEmpty else { return }
        let (first, start) = place(of: span.offset)
        let last = min(place(of: span.end - 1).index, pieces.count - 1)
        guard first <= last else { return }
        for index in first...last where index > first || start < pieces[index].count {
            pieces[index] = Piece()
        }
    }

    /// The CRC-32C of a span that begins with a piece.
    /// - Parameter span: Which bytes.
    /// - Returns: nil if not all of them were written in order.
    public func sum(of span: Span) -> UInt32? {
        var (index, start) = place(of: span.offset)
        guard start == 0 else { return nil }
        var sum: UInt32 = 0
        var left = span.count
        while left > 0 {
            let count = min(left, bytes)
            guard index < pieces.count, pieces[index].count == count else { return nil }
            sum = linux_crc32c_joined(sum, pieces[index].sum, UInt64(count))
            left -= count
            index += 1
        }
        return sum
    }

    private func place(of offset: Int64) -> (index: Int, start: Int) {
        let (index, start) = offset.quotientAndRemainder(dividingBy: Int64(bytes))
        return (Int(index), Int(start))
    }
}
