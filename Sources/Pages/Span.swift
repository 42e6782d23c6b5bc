/// A contiguous range of bytes of one file.
public struct Span: Hashable, Sendable {
    /// First byte, in bytes from the start of the file; never negative.
    public let offset: Int64
    /// Length in bytes; never negative.
    public let count: Int

    /// One past the last byte.
    public var end: Int64 { offset + Int64(count) }
    /// Whether the span has no bytes.
    public var isEmpty: Bool { count == 0 }

    /// Makes a span.
    /// - Parameters:
    ///   - offset: First byte; not negative.
    ///   - count: Length in bytes; not negative.
    public init(offset: Int64, count: Int) {
        precondition(offset >= 0, "a span starts at or after byte 0")
        precondition(count >= 0, "a span has no negative length")
        self.offset = offset
        self.count = count
    }

    /// Makes a span from its two ends.
    /// - Parameters:
    ///   - start: First byte; not negative.
    ///   - end: One past the last byte; not before `start`.
    public init(from start: Int64, to end: Int64) {
        self.init(offset: start, count: Int(end - start))
    }

    /// The part of the span that lies before `size`.
    /// - Parameter size: The length of the file in bytes.
    /// - Returns: The clamped span; empty when the span starts at or past `size`.
    public func clamped(to size: Int64) -> Span {
        let start = min(offset, max(size, 0))
        return Span(from: start, to: min(end, max(size, start)))
    }

    /// The smallest span of whole blocks that covers this one, cut at the end of the file.
    /// - Parameters:
    ///   - block: Block length in bytes; positive.
    ///   - size: The length of the file in bytes.
    /// - Returns: The aligned span, clamped to `size`; empty for an empty span.
    public func aligned(to block: Int, size: Int64) -> Span {
        precondition(block > 0, "blocks have a positive length")
        guard !isEmpty else { return self }
        let block = Int64(block)
        let start = offset / block * block
        let stop = (end + block - 1) / block * block
        return Span(from: start, to: stop).clamped(to: size)
    }

    /// Whether every byte of `other` lies in this span.
    /// - Parameter other: The span to look for.
    /// - Returns: `true` also for an empty `other` inside or at the edge of the span.
    public func contains(_ other: Span) -> Bool {
        other.offset >= offset && other.end <= end
    }
}
