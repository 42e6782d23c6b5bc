/// One setting of a properties file.
struct PropertiesEntry: Equatable, Sendable {
    let key: String
    let value: String
    /// The line the entry starts on, from 1.
    let line: Int
}

/// A line of a properties file that cannot be read.
struct PropertiesError: Error, Equatable {
    let line: Int
    let reason: String
}

/// The syntax of Java's `.properties` files.
///
/// Comments with `#` and `!`, `=`, `:` or a blank between key and value,
/// a backslash at the end of a line to continue it, and `\t \n \r \f \uXXXX` escapes. UTF-8, not Latin-1.
enum PropertiesFile {
    /// The largest file that is read, in bytes.
    static let sizeMaximum = 1 << 20

    /// Reads a whole file.
    ///
    /// Total: any bytes give entries or an error, never a trap.
    /// - Returns: The entries in order; a key may come more than once, the last one counts.
    static func parse(_ bytes: some Collection<UInt8>) throws(PropertiesError) -> [PropertiesEntry] {
        guard bytes.count <= sizeMaximum else {
            throw PropertiesError(line: 1, reason: "the file is larger than \(sizeMaximum) bytes")
        }
        var entries: [PropertiesEntry] = []
        for (line, text) in logicalLines(Array(bytes)) {
            let (key, value) = split(text)
            let entry = PropertiesEntry(
                key: try unescape(key, line: line),
                value: try unescape(value, line: line),
                line: line
            )
            guard !entry.key.isEmpty else { throw PropertiesError(line: line, reason: "there is no key") }
            entries.append(entry)
        }
        return entries
    }

    /// Joins continued lines and leaves out comments and empty lines.
    private static func logicalLines(_ bytes: [UInt8]) -> [(Int, [UInt8])] {
        var lines: [(Int, [UInt8])] = []
        var pending: (line: Int, bytes: [UInt8])?
        for (index, raw) in naturalLines(bytes).enumerated() {
            let content = raw.drop(while: isBlank)
            if pending == nil {
                guard let first = content.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "!") else {
                    continue
                }
            }
            var current = pending ?? (index + 1, [])
            let backslashes = content.reversed().prefix { $0 == UInt8(ascii: "\\") }.count
            let continues = !backslashes.isMultiple(of: 2)
            current.bytes += continues ? content.dropLast() : content
            if continues {
                pending = current
            } else {
                lines.append(current)
                pending = nil
            }
        }
        if let pending { lines.append(pending) }
        return lines.filter { !$0.1.isEmpty }
    }

    /// Splits at `\n`, `\r` and `\r\n`.
    private static func naturalLines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else { continue }
            lines.append(bytes[start..<(index - 1)])
            if byte == UInt8(ascii: "\r") && index < bytes.count && bytes[index] == UInt8(ascii: "\n") {
                index += 1
            }
            start = index
        }
        lines.append(bytes[start...])
        return lines
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == 0x0C
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":")
    }

    /// Finds the end of the key: the first separator or blank that no backslash protects.
    private static func split(_ text: [UInt8]) -> (key: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        var index = 0
        while index < text.count && !isSeparator(text[index]) && !isBlank(text[index]) {
            index += text[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        let end = min(index, text.count)
        var rest = text[end...].drop(while: isBlank)
        if let first = rest.first, isSeparator(first) {
            rest = rest.dropFirst().drop(while: isBlank)
        }
        return (text[..<end], rest)
    }

    private static func unescape(_ text: ArraySlice<UInt8>, line: Int) throws(PropertiesError) -> String {
        var result: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < text.endIndex else {
                result.append(byte)
                continue
            }
            let escape = text[index]
            index += 1
            switch escape {
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "u"): result += Array(try unicode(text, &index, line: line).utf8)
            default: result.append(escape)
            }
        }
        guard let string = String(validating: result, as: UTF8.self) else {
            throw PropertiesError(line: line, reason: "the line is not UTF-8")
        }
        return string
    }

    /// Reads `XXXX` after `\u`, and a second escape when the first is half of a pair.
    private static func unicode(
        _ text: ArraySlice<UInt8>,
        _ index: inout Int,
        line: Int
    ) throws(PropertiesError) -> String {
        let first = try hexadecimal(text, &index, line: line)
        var units = [first]
        if UTF16.isLeadSurrogate(first), text[index...].starts(with: Array("\\u".utf8)) {
            index += 2
            units.append(try hexadecimal(text, &index, line: line))
        }
        guard let string = String(validating: units, as: UTF16.self) else {
            throw PropertiesError(line: line, reason: "\\u escapes do not form a character")
        }
        return string
    }

    private static func hexadecimal(
        _ text: ArraySlice<UInt8>,
        _ index: inout Int,
        line: Int
    ) throws(PropertiesError) -> UInt16 {
        let digits = text[index...].prefix(4)
        let isHexadecimal = digits.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }
        guard digits.count == 4, isHexadecimal,
            let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else {
            throw PropertiesError(line: line, reason: "\\u is not followed by four hexadecimal digits")
        }
        index += 4
        return value
    }
}
