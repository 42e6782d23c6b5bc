/// Names as numbers, so that one can say how far apart they are and what lies between.
///
/// Pure. Made from names that follow each other in a directory: what all begin with is the prefix; the bytes
/// at which they differ, in their order, are the digits. Zero-padded counters, hashes and dates give good
/// numbers. Others give numbers that are in about the right order.
struct NameNumerals: Sendable {
    /// What all names of this kind begin with.
    let prefix: [UInt8]
    /// The digits, by value.
    let alphabet: [UInt8]
    /// How many digits a number has; names go on behind them.
    let digits: Int
    /// The greatest number; less than 2^60.
    let top: UInt64

    /// Digits at and behind the first one that differs.
    private static let digitsBehind = 3
    private static let valueLimit: UInt64 = 1 << 60

    /// Looks at a sample; nil if the names do not differ in visible ASCII, or their beginnings are not UTF-8.
    /// - Parameters:
    ///   - least: Its least name.
    ///   - greatest: Its greatest name.
    ///   - sample: All of it.
    init?(least: [UInt8], greatest: [UInt8], sample: [[UInt8]]) {
        let common = zip(least, greatest).prefix { $0 == $1 }.count
        let alphabet = Self.alphabet(sample, at: common)
        guard alphabet.count > 1 else { return nil }
        let base = UInt64(alphabet.count)
        // Digits that are the same in the whole sample: the higher ones of a counter.
        var digits = Self.digitsBehind
        var power = base * base * base
        while digits < Self.digitsBehind + common, power <= Self.valueLimit / base,
            alphabet.contains(greatest[common + Self.digitsBehind - digits - 1])
        {
            digits += 1
            power *= base
        }
        prefix = Array(greatest[..<(common + Self.digitsBehind - digits)])
        // Servers take UTF-8 only.
        guard String(validating: prefix, as: UTF8.self) != nil else { return nil }
        self.alphabet = alphabet
        self.digits = digits
        top = power - 1
    }

    /// The bytes that names have where they begin to differ, and those they commonly have just behind.
    private static func alphabet(_ sample: [[UInt8]], at position: Int) -> [UInt8] {
        var first = [Int](repeating: 0, count: 256)
        var second = first
        for name in sample {
            if name.count > position { first[Int(name[position])] += 1 }
            if name.count > position + 1 { second[Int(name[position + 1])] += 1 }
        }
        let common = max(1, sample.count / 256)
        let visible: ClosedRange<UInt8> = 0x21...0x7E
        return visible.filter { byte in
            byte != UInt8(ascii: "/") && (first[Int(byte)] > 0 || second[Int(byte)] >= common)
        }
    }

    /// Whether a name has the prefix.
    func isOfThisKind(_ name: [UInt8]) -> Bool { name.starts(with: prefix) }

    /// The number of a name of this kind; what is no digit counts as the next lower one.
    func value(of name: [UInt8]) -> UInt64 {
        var value: UInt64 = 0
        for position in prefix.count..<(prefix.count + digits) {
            value *= UInt64(alphabet.count)
            guard position < name.count else { continue }
            let lower = alphabet.prefix { $0 <= name[position] }.count
            value += UInt64(max(0, lower - 1))
        }
        return value
    }

    /// The name of a number, at most ``top``.
    func name(of value: UInt64) -> [UInt8] {
        var rest = min(value, top)
        var name: [UInt8] = []
        for _ in 0..<digits {
            name.append(alphabet[Int(rest % UInt64(alphabet.count))])
            rest /= UInt64(alphabet.count)
        }
        return prefix + name.reversed()
    }
}
