import Telemetry

/// A JSON document that is written, never read.
indirect enum JSONDocument: Sendable {
    case string(String)
    case number(Int64)
    case bool(Bool)
    case array([JSONDocument])
    case object([(String, JSONDocument)])

    /// A text of bytes that need not be UTF-8; what is not shows as U+FFFD.
    static func bytes(_ bytes: some Collection<UInt8>) -> JSONDocument {
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
        case .string(let value): JSONText.append(value, to: &text)
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
                JSONText.append(member.0, to: &text)
                text.append(UInt8(ascii: ":"))
                member.1.append(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }
}
