public import Pages

/// What is looked up on a ring: the hash of a key that an attempt number is still to be added to.
///
/// A plain value of a few words. The key is hashed once, however many attempts a lookup makes.
public struct RingKey: Sendable {
    private var hash = MurmurHash3()

    /// A key from its bytes.
    /// - Parameter bytes: Any bytes; clients use the UTF-8 of the whole UFS URI.
    public init(_ bytes: [UInt8]) {
        hash.update(bytes)
    }

    /// The key of a whole file.
    /// - Parameter uri: The file's address as it is, nothing normalised: another spelling is another key.
    public init(_ uri: UFSURI) {
        self.init(uri.bytes)
    }

    /// The key of one virtual block of a file: its address, then the number of the block as decimal text.
    /// - Parameters:
    ///   - uri: The file's address as it is.
    ///   - block: The number of the block, from 0; not negative.
    public init(_ uri: UFSURI, block: Int64) {
        precondition(block >= 0, "blocks are counted from 0")
        self.init(uri.bytes)
        var place: Int64 = 1
        while block / place >= 10 { place *= 10 }
        while place > 0 {
            hash.update(UInt8(ascii: "0") + UInt8(block / place % 10))
            place /= 10
        }
    }

    /// Where an attempt lands on the ring; attempts are counted from 1.
    func position(attempt: Int) -> Int32 {
        var hash = hash
        hash.update(littleEndian: UInt32(attempt))
        return hash.value
    }
}
