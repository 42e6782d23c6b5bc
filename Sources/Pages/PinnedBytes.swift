/// Keeps the storage behind ``PinnedBytes`` in place until it is let go.
///
/// A pin is released exactly once, by its `deinit`. Any thread may drop the last reference.
public protocol Pin: AnyObject, Sendable {}

/// Bytes that stay where they are until the value is dropped.
///
/// The pieces, in order, are the bytes of one span without gaps. A piece lies in memory, or in an open
/// file: the mount splices it to the kernel, a server hands it to `sendfile`. Made and used on one thread.
public struct PinnedBytes {
    /// A run of bytes in one place.
    public enum Piece {
        /// In this process's memory.
        case memory(UnsafeRawBufferPointer)
        /// In an open file: descriptor, offset and length in bytes.
        case file(descriptor: Int32, offset: Int64, count: Int)

        /// Length in bytes.
        public var count: Int {
            switch self {
            case .memory(let bytes): bytes.count
            case .file(_, _, let count): count
            }
        }
    }

    /// The bytes in order.
    public let pieces: [Piece]
    private let pin: (any Pin)?

    /// Wraps bytes that a pin holds in place.
    /// - Parameters:
    ///   - pieces: The bytes in order; empty for an empty span.
    ///   - pin: What keeps them in place, or nil when nothing can move them.
    public init(pieces: [Piece], pin: (any Pin)?) {
        self.pieces = pieces
        self.pin = pin
    }

    /// No bytes: what a read at or past the end of a file gives.
    public static var empty: PinnedBytes { PinnedBytes(pieces: [], pin: nil) }

    /// Total length in bytes.
    public var count: Int { pieces.reduce(0) { $0 + $1.count } }

    /// Several runs of bytes as one, in order.
    /// - Parameter parts: The runs; each keeps its pin.
    /// - Returns: All of them.
    public static func joined(_ parts: [PinnedBytes]) -> PinnedBytes {
        if parts.count == 1, let only = parts.first { return only }
        return PinnedBytes(pieces: parts.flatMap(\.pieces), pin: PinGroup(pins: parts.compactMap(\.pin)))
    }

    /// Runs `body` while the pin is held for certain.
    /// - Parameter body: Uses the pieces; must not keep them.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withPieces<Result, Failure: Error>(
        _ body: ([Piece]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(pin) {} }
        return try body(pieces)
    }
}

/// Pins that are let go together.
private final class PinGroup: Pin {
    let pins: [any Pin]

    init(pins: [any Pin]) { self.pins = pins }
}
