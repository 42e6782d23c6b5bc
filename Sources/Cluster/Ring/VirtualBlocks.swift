public import Pages

/// How a file is spread over workers: whole, or block by block.
///
/// `alluxio.dora.file.read.virtual.block.size`. All clients of a cluster must use the same size, or they look
/// for the same bytes on different workers.
public struct VirtualBlocks: Hashable, Sendable {
    /// A file lies whole on one worker.
    public static let none = VirtualBlocks(sizeBytes: 0)

    /// The size of a block in bytes; 0 if files lie whole on one worker.
    public let sizeBytes: Int64

    /// Chooses a size.
    /// - Parameter sizeBytes: The size of a block; 0 keeps files whole. Not negative.
    public init(sizeBytes: Int64) {
        precondition(sizeBytes >= 0, "a block has no negative size")
        self.sizeBytes = sizeBytes
    }

    /// The key that finds the workers of a place in a file.
    /// - Parameters:
    ///   - uri: The file's address.
    ///   - offset: The place in bytes, from 0; may lie past the end. Not negative.
    /// - Returns: The key of the file if it is kept whole, else the key of the block around the place.
    public func key(of uri: UFSURI, at offset: Int64) -> RingKey {
        precondition(offset >= 0, "a file has no negative offset")
        return sizeBytes == 0 ? RingKey(uri) : RingKey(uri, block: offset / sizeBytes)
    }

    /// The key that finds the workers that answer for a file's attributes: those of its first byte.
    /// - Parameter uri: The file's address.
    /// - Returns: The key of the file if it is kept whole, else the key of block 0.
    public func attributesKey(of uri: UFSURI) -> RingKey { key(of: uri, at: 0) }
}
