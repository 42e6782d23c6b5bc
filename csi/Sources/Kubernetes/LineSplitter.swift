/// Makes lines of the pieces that a stream comes in.
///
/// A value of one stream; no I/O.
struct LineSplitter {
    private let lineMaximumBytes: Int
    private var begun: [UInt8] = []
    /// Whether a line came that was longer than the limit; nothing is taken after it.
    private(set) var hasOverflown = false

    /// - Parameter lineMaximumBytes: The longest line.
    init(lineMaximumBytes: Int) { self.lineMaximumBytes = lineMaximumBytes }

    /// Takes a piece.
    /// - Parameters:
    ///   - bytes: The piece.
    ///   - onLine: Gets each line that ends in it, without its end; empty ones are left out. Returns whether
    ///     to go on.
    /// - Returns: Whether to go on.
    mutating func take(_ bytes: UnsafeRawBufferPointer, onLine: ([UInt8]) -> Bool) -> Bool {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            guard append(rest[..<end]) else { return false }
            rest = rest[(end + 1)...]
            let line = begun
            begun.removeAll(keepingCapacity: true)
            if !line.isEmpty, !onLine(line) { return false }
        }
        return append(rest)
    }

    private mutating func append(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        hasOverflown = begun.count + bytes.count > lineMaximumBytes
        if !hasOverflown { begun.append(contentsOf: bytes) }
        return !hasOverflown
    }
}
