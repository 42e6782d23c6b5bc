import HTTPTransport
import Metadata
import Pages

/// One answer of `/v1/entries`: a line for each entry, and a last line that says where to go on.
///
/// The whole text is checked before the first entry is given out. Names and etags are percent-encoded, so no
/// string has an escape of JSON and a line is read in one pass.
struct EntriesPage {
    private let text: [UInt8]
    /// The lines of the entries, without their ends.
    private let lines: [Range<Int>]
    /// Where to go on; nil when the directory is complete.
    let next: String?
    /// Keys from the beginning of the listing on that cannot be shown as names.
    let hidden: Int

    /// Reads an answer.
    /// - Returns: nil if it is no complete page.
    init?(_ text: [UInt8]) {
        var ranges: [Range<Int>] = []
        var start = 0
        for (index, byte) in text.enumerated() where byte == UInt8(ascii: "\n") {
            ranges.append(start..<index)
            start = index + 1
        }
        if start < text.count { ranges.append(start..<text.count) }
        guard let last = ranges.popLast(), let ending = Ending(text[last]) else { return nil }
        guard ranges.allSatisfy({ EntryLine(text[$0]) != nil }) else { return nil }
        self.text = text
        lines = ranges
        next = ending.next
        hidden = ending.hidden
    }

    /// Gives every entry out once.
    func emit(into sink: EntrySink) {
        for line in lines {
            guard let entry = EntryLine(text[line]) else { continue }
            entry.name.withUnsafeBytes { sink($0, entry.attributes) }
        }
    }
}

/// The last line of a page: `{"next":"…","hidden":0}`.
private struct Ending {
    var next: String?
    var hidden = 0

    init?(_ line: ArraySlice<UInt8>) {
        guard line.first == UInt8(ascii: "{"), line.last == UInt8(ascii: "}") else { return nil }
        for member in line.dropFirst().dropLast().split(separator: UInt8(ascii: ",")) {
            guard let colon = member.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = member[(colon + 1)...]
            switch String(decoding: member[..<colon], as: UTF8.self) {
            case "\"next\"":
                guard value.count > 2, let text = FieldReader.unquoted(value) else { return nil }
                next = String(decoding: text, as: UTF8.self)
            case "\"hidden\"":
                guard let number = Int(String(decoding: value, as: UTF8.self)), number >= 0 else {
                    return nil
                }
                hidden = number
            default: continue
            }
        }
    }
}

/// One entry: `["name","f",size,modifiedNs,"etag"]`, or without etag for what is no file.
private struct EntryLine {
    let name: [UInt8]
    var attributes: Attributes

    init?(_ line: ArraySlice<UInt8>) {
        guard line.first == UInt8(ascii: "["), line.last == UInt8(ascii: "]") else { return nil }
        let fields = line.dropFirst().dropLast().split(
            separator: UInt8(ascii: ","),
            omittingEmptySubsequences: false
        )
        guard fields.count >= 4, let encoded = FieldReader.unquoted(fields[0]),
            let word = FieldReader.unquoted(fields[1]), let kind = EntryKind(letter: word.first),
            let size = FieldReader.number(fields[2]), size >= 0, let modified = FieldReader.number(fields[3]),
            let name = Self.decoded(encoded), Self.isName(name)
        else { return nil }
        self.name = name
        attributes = Attributes(kind: kind, size: size, modified: modified, etag: nil)
        guard fields.count > 4 else {
            if kind == .file { return nil }
            return
        }
        guard let encoded = FieldReader.unquoted(fields[4]), let etag = Self.decoded(encoded) else {
            return nil
        }
        attributes.etag = ETag(String(decoding: etag, as: UTF8.self))
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        do { try PercentCoding.appendDecoded(text, to: &bytes) } catch { return nil }
        return bytes
    }

    /// What the sink of a listing may get.
    private static func isName(_ name: [UInt8]) -> Bool {
        let dot = UInt8(ascii: ".")
        guard !name.isEmpty, name != [dot], name != [dot, dot] else { return false }
        return name.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
    }
}

/// The values of a line.
private enum FieldReader {
    static func unquoted(_ field: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let quote = UInt8(ascii: "\"")
        guard field.count >= 2, field.first == quote, field.last == quote else { return nil }
        return field.dropFirst().dropLast()
    }

    static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        let isNegative = field.first == UInt8(ascii: "-")
        let digits = isNegative ? field.dropFirst() : field
        guard !digits.isEmpty, digits.count <= 18 + 1 else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            let (product, isLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = product.addingReportingOverflow(Int64(digit - 0x30))
            guard !isLarge, !isLarger else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }
}
