/// A random generator whose seed makes a failure play again (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator that gives the same numbers for the same seed.
    /// - Parameter seed: Any number; a test prints it.
    public init(seed: UInt64) { state = seed }

    /// A generator with a new seed, which is printed.
    /// - Parameter place: Who prints it.
    /// - Returns: The generator.
    public static func announced(_ place: String = #function) -> SeededGenerator {
        let seed = UInt64.random(in: 0 ... .max)
        print("\(place): seed \(seed)")
        return SeededGenerator(seed: seed)
    }

    /// The next number.
    /// - Returns: Any of 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
