/// A MurmurHash3 (x86, 32 bits, seed 0) under way.
///
/// The variant that conforms to the reference, byte for byte. A plain value: what many inputs begin with is
/// hashed once and copied, so that one more ring point or attempt costs a single block.
struct MurmurHash3: Sendable {
    private var state: UInt32 = 0
    /// Up to three bytes that do not fill a block yet, the first one lowest.
    private var rest: UInt32 = 0
    private var restCount: UInt32 = 0
    private var length: UInt32 = 0

    /// Hashes some bytes at once.
    static func hash(_ bytes: [UInt8]) -> Int32 {
        var hash = MurmurHash3()
        hash.update(bytes)
        return hash.value
    }

    mutating func update(_ bytes: [UInt8]) {
        var index = 0
        while bytes.count - index >= 4 {
            let low = UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8
            let high = UInt32(bytes[index + 2]) | UInt32(bytes[index + 3]) << 8
            update(littleEndian: low | high << 16)
            index += 4
        }
        while index < bytes.count {
            update(bytes[index])
            index += 1
        }
    }

    mutating func update(_ byte: UInt8) {
        rest |= UInt32(byte) << (8 * restCount)
        restCount += 1
        length &+= 1
        guard restCount == 4 else { return }
        mix(rest)
        rest = 0
        restCount = 0
    }

    /// Adds the four bytes of a number, the lowest first.
    mutating func update(littleEndian number: UInt32) {
        let bytes = UInt64(rest) | UInt64(number) << (8 * restCount)
        mix(UInt32(truncatingIfNeeded: bytes))
        rest = UInt32(bytes >> 32)
        length &+= 4
    }

    /// The hash of everything so far, as the signed number that rings are ordered by.
    var value: Int32 {
        var hash = state ^ Self.scrambled(rest) ^ length
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return Int32(bitPattern: hash ^ hash >> 16)
    }

    private mutating func mix(_ block: UInt32) {
        state = Self.rotated(state ^ Self.scrambled(block), by: 13) &* 5 &+ 0xE654_6B64
    }

    /// Zero stays zero, so that an empty rest changes nothing.
    private static func scrambled(_ block: UInt32) -> UInt32 {
        rotated(block &* 0xCC9E_2D51, by: 15) &* 0x1B87_3593
    }

    private static func rotated(_ number: UInt32, by count: UInt32) -> UInt32 {
        number << count | number >> (32 - count)
    }
}
