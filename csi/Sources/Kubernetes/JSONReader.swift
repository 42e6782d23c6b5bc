/// Why text is no JSON; quotes nothing of it, since it may be a secret.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where, in bytes from the beginning.
    public let offset: Int
    /// What is wrong there.
    public let reason: String

    /// One line.
    public var description: String { "no JSON: \(reason) at byte \(offset)" }
}

extension JSON {
    /// Reads one value.
    /// - Parameter bytes: The text, UTF-8; blanks around the value are skipped.
    /// - Throws: ``JSONError`` for anything that RFC 8259 does not allow, for more than one value, and for
    ///   more than ``depthMaximum`` values inside each other. Of members with one name the last counts.
    public init(reading bytes: some Sequence<UInt8>) throws(JSONError) {
        var reader = JSONReader(bytes: Array(bytes))
        self = try reader.whole()
    }
}

/// Reads JSON from the beginning to the end; used once.
struct JSONReader {
    private let bytes: [UInt8]
    private var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func whole() throws(JSONError) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard place == bytes.count else { throw wrong("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < JSON.depthMaximum else {
            throw wrong("more than \(JSON.depthMaximum) values inside each other")
        }
        skipBlanks()
        guard let byte = peek else { throw wrong("the text ends too early") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try values(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func members(depth: Int) throws(JSONError) -> [String: JSON] {
        place += 1
        var members: [String: JSON] = [:]
        if takes("}") { return members }
        repeat {
            skipBlanks()
            guard peek == UInt8(ascii: "\"") else { throw wrong("a member has no name") }
            let name = try string()
            guard takes(":") else { throw wrong("no ':' after a member's name") }
            members[name] = try value(depth: depth + 1)
        } while takes(",")
        guard takes("}") else { throw wrong("an object does not end") }
        return members
    }

    private mutating func values(depth: Int) throws(JSONError) -> [JSON] {
        place += 1
        var values: [JSON] = []
        if takes("]") { return values }
        repeat { values.append(try value(depth: depth + 1)) } while takes(",")
        guard takes("]") else { throw wrong("a list does not end") }
        return values
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let text = word.withUTF8Buffer { Array($0) }
        guard bytes[place...].starts(with: text) else { throw wrong("an unknown word") }
        place += text.count
        return value
    }

    private mutating func number() throws(JSONError) -> String {
        let start = place
        if peek == UInt8(ascii: "-") { place += 1 }
        if peek == UInt8(ascii: "0") { place += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            place += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            place += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { place += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = place
        while let byte = peek, byte >= 0x30, byte <= 0x39 { place += 1 }
        guard place > start else { throw wrong("neither a value nor a number") }
    }

    private mutating func string() throws(JSONError) -> String {
        place += 1
        var text: [UInt8] = []
        while let byte = peek {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else { throw wrong("no UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw wrong("a control character in a text")
            default: text.append(byte)
            }
        }
        throw wrong("a text does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw wrong("a text does not end") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += String(Character(try character())).utf8
        default: throw wrong("an unknown escape")
        }
    }

    private mutating func character() throws(JSONError) -> Unicode.Scalar {
        let first = try hexadecimal()
        // Half of a pair that has no other half is no character; Go writes U+FFFD for it too.
        guard first & 0xFC00 == 0xD800, bytes[place...].starts(with: "\\u".utf8) else {
            return Unicode.Scalar(first) ?? "\u{FFFD}"
        }
        let before = place
        place += 2
        let second = try hexadecimal()
        guard second & 0xFC00 == 0xDC00 else {
            place = before
            return "\u{FFFD}"
        }
        return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF)) ?? "\u{FFFD}"
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        let digits = bytes[place...].prefix(4)
        let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
        guard digits.count == 4, isHexadecimal,
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw wrong("'\\u' without four hexadecimal digits") }
        place += 4
        return value
    }

    private var peek: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func takes(_ sign: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard peek == UInt8(ascii: sign) else { return false }
        place += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = peek, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { place += 1 }
    }

    private func wrong(_ reason: String) -> JSONError { JSONError(offset: place, reason: reason) }
}
