/// FNV-1a of 64 bits.
///
/// It is the same in every process and version, so that what is named or placed by it is found again. Not for
/// texts that somebody may choose to collide.
///
/// Source: Fowler, Noll and Vo, <http://www.isthe.com/chongo/tech/comp/fnv/>.
public enum FNV1a {
    /// What a hash begins with.
    public static let start: UInt64 = 0xCBF2_9CE4_8422_2325

    /// The hash of bytes.
    /// - Parameters:
    ///   - bytes: Any.
    ///   - seed: Where to begin: ``start``, or the hash of what comes before.
    /// - Returns: The hash; the high bits of short texts are alike.
    public static func hash(_ bytes: some Sequence<UInt8>, from seed: UInt64 = start) -> UInt64 {
        bytes.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
