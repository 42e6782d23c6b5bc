/// Why a text does not fit its property: what would.
package struct IllFormedValue: Error, Equatable {
    /// What would, for people.
    package let expected: String
}

extension Property {
    /// Makes sure that a text is a value of this property.
    /// - Parameters:
    ///   - value: The text.
    ///   - subject: What has it where, for the message.
    /// - Throws: A ``Failure`` with the subject and what would fit; it does not show a secret.
    func check(_ value: String, as subject: String) throws(Failure) {
        do {
            _ = try kind.parse(value)
        } catch {
            let shown = isSecret ? "its value" : "'\(value)'"
            throw .usage("\(subject): \(shown) is not \(error.expected)")
        }
    }
}

extension PropertyKind {
    /// Reads a value.
    ///
    /// Total: any text gives a value or says what was expected.
    /// - Throws: An ``IllFormedValue`` if the text has another form, or is out of range.
    package func parse(_ raw: String) throws(IllFormedValue) -> PropertyValue {
        let text = raw.trimmingBlanks
        switch self {
        case .flag:
            guard let flag = Self.flag(text) else { throw IllFormedValue(expected: accepted) }
            return .flag(flag)
        case .integer(let range):
            guard let number = Int(text), range.contains(number) else {
                throw IllFormedValue(expected: accepted)
            }
            return .integer(number)
        case .octal(let range):
            guard !text.hasPrefix("-"), let number = Int(text, radix: 8), range.contains(number) else {
                throw IllFormedValue(expected: accepted)
            }
            return .integer(number)
        case .bytes(let range):
            guard let number = Self.byteCount(text), range.contains(number) else {
                throw IllFormedValue(expected: accepted)
            }
            return .integer(number)
        case .duration(let range, let allowsForever, let bareUnit):
            if allowsForever && Self.isForever(text) { return .duration(nil) }
            guard let duration = Self.duration(text, bareUnit: bareUnit), range.contains(duration) else {
                throw IllFormedValue(expected: accepted)
            }
            return .duration(duration)
        case .path:
            guard text.hasPrefix("/"), !text.utf8.contains(0), text.range(of: ",/") == nil else {
                throw IllFormedValue(expected: accepted)
            }
            return .text(text)
        case .address:
            guard Self.isAddress(text) else { throw IllFormedValue(expected: accepted) }
            return .text(text)
        case .word(let words):
            let found = words.first { $0.lowercased() == text.lowercased() }
            guard let found else { throw IllFormedValue(expected: accepted) }
            return .text(found)
        case .text, .secret:
            guard !raw.utf8.contains(0) else { throw IllFormedValue(expected: "text without a zero byte") }
            return .text(text)
        }
    }

    /// The accepted form and range, for people.
    package var accepted: String {
        switch self {
        case .flag: "true or false"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .octal(let range):
            "an octal number from \(Self.octal(range.lowerBound)) to \(Self.octal(range.upperBound))"
        case .bytes(let range):
            "a size from \(Self.show(bytes: range.lowerBound)) to \(Self.show(bytes: range.upperBound)), "
                + "such as 512MB"
        case .duration(let range, let allowsForever, _):
            "a time from \(Self.show(range.lowerBound)) to \(Self.show(range.upperBound)), "
                + "such as 500ms, 10s or 5min"
                + (allowsForever ? ", or -1 for ever" : "")
        case .path: "one absolute path"
        case .address: "http://host[:port], https://host[:port] or host[:port]"
        case .word(let words): "one of " + words.joined(separator: ", ")
        case .text, .secret: "text"
        }
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "1", "on": true
        case "false", "no", "0", "off": false
        default: nil
        }
    }

    private static func isForever(_ text: String) -> Bool {
        guard text.hasPrefix("-1") else { return false }
        return text.dropFirst(2).allSatisfy { $0.isLetter }
    }

    private static func isAddress(_ text: String) -> Bool {
        var rest = text[...]
        if let scheme = text.range(of: "://") {
            guard ["http", "https"].contains(text[..<scheme.lowerBound].lowercased()) else { return false }
            rest = text[scheme.upperBound...]
        }
        let host = rest.prefix { $0 != "/" }
        guard !host.isEmpty, host.first != ":" else { return false }
        let path = rest[host.endIndex...].utf8
        guard
            path.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
        else { return false }
        return host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                true
            default: false
            }
        }
    }

    /// Splits `1.5GB` into number and lower-case unit; nil if the number is none, negative or not finite.
    private static func split(_ text: String) -> (number: Double, unit: String)? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard digits.first?.isNumber == true, let number = Double(digits), number.isFinite else { return nil }
        return (number, text[digits.endIndex...].trimmingBlanks.lowercased())
    }

    static func byteCount(_ text: String) -> Int? {
        if let exact = Int(text) { return exact >= 0 ? exact : nil }
        guard let (number, unit) = split(text) else { return nil }
        let shift: Int
        switch unit {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        case "t", "tb", "tib": shift = 40
        case "p", "pb", "pib": shift = 50
        default: return nil
        }
        return Int(exactly: (number * Double(1 << shift)).rounded())
    }

    static func duration(_ text: String, bareUnit: Duration) -> Duration? {
        guard let (number, unit) = split(text), number <= 1e12 else { return nil }
        switch unit {
        case "": return bareUnit * number
        case "ms", "msec", "millisecond", "milliseconds": return .milliseconds(1) * number
        case "s", "sec", "second", "seconds": return .seconds(1) * number
        case "m", "min", "minute", "minutes": return .seconds(60) * number
        case "h", "hr", "hour", "hours": return .seconds(3600) * number
        case "d", "day", "days": return .seconds(86_400) * number
        default: return nil
        }
    }

    private static func octal(_ number: Int) -> String { "0" + String(number, radix: 8) }

    static func show(bytes: Int) -> String {
        for (shift, unit) in [(50, "PB"), (40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")]
        where bytes != 0 && bytes.isMultiple(of: 1 << shift) {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)"
    }

    /// A time as a user would write it, in the largest unit that fits; parts of a millisecond are cut.
    package static func show(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard attoseconds == 0 else { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        for (length, unit) in [(Int64(86_400), "d"), (3600, "h"), (60, "min")]
        where seconds != 0 && seconds.isMultiple(of: length) {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }
}

extension StringProtocol {
    /// The text without blanks and tabs at its ends.
    package var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) })
        else {
            return ""
        }
        return String(self[first...last])
    }

    /// The first place where a text occurs; here since the standard library alone has none.
    package func range(of needle: String) -> Range<Index>? {
        let wanted = Array(needle)
        var start = startIndex
        while start != endIndex {
            if self[start...].starts(with: wanted) {
                return start..<index(start, offsetBy: wanted.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
