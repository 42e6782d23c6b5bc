/// A JSON document that is written, never read.
indirect enum JSONText: Sendable {
    case string(String)
    case number(Int64)
    case bool(Bool)
    case array([JSONText])
    case object([(String, JSONText)])

    /// A text of bytes that need not be UTF-8; what is not shows as U+FFFD.
    static func bytes(_ bytes: some Collection<UInt8>) -> JSONText {
        .string(String(decoding: bytes, as: UTF8.self))
    }

    /// The document as UTF-8.
    var encoded: [UInt8] {
        var text: [UInt8] = []
        append(to: &text)
        return text
    }

    /// Appends the document as UTF-8.
    func append(to text: inout [UInt8]) {
        switch self {
        case .string(let value): Self.appendQuoted(value, to: &text)
        case .number(let value): text.append(contentsOf: "\(value)".utf8)
        case .bool(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
        case .array(let items):
            text.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                item.append(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                Self.appendQuoted(member.0, to: &text)
                text.append(UInt8(ascii: ":"))
                member.1.append(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    private static func appendQuoted(_ value: String, to text: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        text.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text.append(UInt8(ascii: "\\"))
                text.append(byte)
            case 0..<0x20:
                text.append(contentsOf: "\\u00".utf8)
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            default:
                text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
