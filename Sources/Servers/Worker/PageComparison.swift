import Glibc
import NIOCore
import Pages

/// Compares bytes that a client brings with those of a version.
enum PageComparison {
    /// What is compared at once, in bytes.
    private static let partBytes = 256 << 10

    /// Reads a span through the cache and compares it.
    /// - Parameters:
    ///   - bytes: What the client brings.
    ///   - file: The version.
    ///   - span: Which bytes of it.
    /// - Returns: Whether both are the same, length included; then the span has been in the cache.
    /// - Throws: What the store threw.
    static func isSame(_ bytes: ByteBuffer, _ file: any PageFile, _ span: Span) throws(StoreError) -> Bool {
        guard bytes.readableBytes == span.count else { return false }
        var position = span.offset
        while position < span.end {
            let part = Span(from: position, to: min(position + Int64(partBytes), span.end))
            let held = try file.read(part, asking: Span(from: position, to: span.end))
            guard isSame(bytes, at: Int(position - span.offset), held) else { return false }
            position = part.end
        }
        return true
    }

    private static func isSame(_ bytes: ByteBuffer, at start: Int, _ held: PinnedBytes) -> Bool {
        bytes.withUnsafeReadableBytes { given in
            held.withPieces { pieces in
                var start = start
                for piece in pieces {
                    let part = UnsafeRawBufferPointer(rebasing: given[start..<(start + piece.count)])
                    guard isSame(part, piece) else { return false }
                    start += piece.count
                }
                return true
            }
        }
    }

    private static func isSame(_ given: UnsafeRawBufferPointer, _ piece: PinnedBytes.Piece) -> Bool {
        guard let base = given.baseAddress else { return true }
        switch piece {
        case .memory(let bytes):
            return bytes.baseAddress.map { memcmp(base, $0, given.count) == 0 } ?? true
        case .file(let descriptor, let offset, let count):
            return withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { space in
                pread(descriptor, space.baseAddress, count, off_t(offset)) == count
                    && space.baseAddress.map { memcmp(base, $0, count) == 0 } ?? false
            }
        }
    }
}
