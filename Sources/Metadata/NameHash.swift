/// A fast hash of names with a seed per process, so that nobody can choose names that collide.
enum NameHash {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The hash of a name.
    static func hash(_ name: UnsafeRawBufferPointer) -> UInt32 {
        var state = seed ^ (UInt64(name.count) &* multiplier)
        var offset = 0
        while offset + 8 <= name.count {
            state = mix(state ^ name.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < name.count {
            tail = tail << 8 | UInt64(name[offset])
            offset += 1
        }
        state = mix(state ^ tail)
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    /// Multiplies to 128 bits and folds the halves together; `seed` keeps the product from sticking at zero.
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = (value ^ seed).multipliedFullWidth(by: multiplier)
        return product.high ^ product.low
    }
}
