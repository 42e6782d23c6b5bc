/// A file in the form of `~/.aws/config` and `~/.aws/credentials`: sections of `name = value` lines.
///
/// Reading it is total: any bytes give a document, and lines that are no part of it are counted, so that an
/// error can point at them. The rules are those of AWS's SDKs: `#` and `;` begin comment lines, and
/// comments behind a value if a blank precedes them; a line that begins with a blank continues the value
/// above, or, below a name without a value, is a nested `name = value`; names ignore case; the last of two
/// equal names wins.
public struct ProfileDocument: Hashable, Sendable {
    /// Sections by the text between their brackets, blanks made single; properties by lower-case name,
    /// nested ones as `outer.inner`.
    public private(set) var sections: [String: [String: String]] = [:]
    /// Lines that could not be read, counted from 1; the first 16 of them.
    public private(set) var unreadableLines: [Int] = []

    private static let unreadableLinesMaximum = 16

    /// Reads a document.
    /// - Parameter bytes: The file's contents, whatever they are; bytes that are not UTF-8 become U+FFFD.
    public init(bytes: some Collection<UInt8>) {
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let body = bytes.starts(with: byteOrderMark) ? Array(bytes.dropFirst(3)) : Array(bytes)
        var cursor = Cursor()
        let lines = body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !read(line, at: &cursor) {
            guard unreadableLines.count < Self.unreadableLinesMaximum else { continue }
            unreadableLines.append(index + 1)
        }
    }

    /// Where in the document the reader is.
    private struct Cursor {
        var section: String?
        var name: String?
        var isNested = false
    }

    /// Takes one line; returns whether it made sense.
    private mutating func read(_ line: ArraySlice<UInt8>, at cursor: inout Cursor) -> Bool {
        let content = line.trimmed()
        guard let first = content.first else { return true }
        let isIndented = line.first.map(isBlank) ?? false
        if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") { return true }
        if isIndented, cursor.name != nil { return readContinuation(content, at: &cursor) }
        if first == UInt8(ascii: "[") { return readHeader(content, at: &cursor) }
        guard let section = cursor.section, let (name, value) = property(content) else {
            cursor.name = nil
            return false
        }
        sections[section]?[name] = value
        cursor.name = name
        cursor.isNested = value.isEmpty
        return true
    }

    private mutating func readHeader(_ content: ArraySlice<UInt8>, at cursor: inout Cursor) -> Bool {
        cursor = Cursor()
        guard let close = content.firstIndex(of: UInt8(ascii: "]")) else { return false }
        let rest = content[(close + 1)...].trimmed()
        guard rest.first.map({ $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: ";") }) ?? true else {
            return false
        }
        let words = content[(content.startIndex + 1)..<close].split(whereSeparator: isBlank)
        guard !words.isEmpty else { return false }
        let title = String(decoding: Array(words.joined(separator: [UInt8(ascii: " ")])), as: UTF8.self)
        let unquoted = Self.unquoted(title)
        cursor.section = unquoted
        if sections[unquoted] == nil { sections[unquoted] = [:] }
        return true
    }

    private mutating func readContinuation(_ content: ArraySlice<UInt8>, at cursor: inout Cursor) -> Bool {
        guard let section = cursor.section, let outer = cursor.name else { return false }
        if cursor.isNested {
            guard let (name, value) = property(content) else { return false }
            sections[section]?["\(outer).\(name)"] = value
        } else {
            sections[section]?[outer, default: ""] += "\n" + String(decoding: content, as: UTF8.self)
        }
        return true
    }

    /// `profile "two words"` means the same as `profile two words`.
    private static func unquoted(_ title: String) -> String {
        guard let quote = title.firstIndex(where: { $0 == "\"" || $0 == "'" }), title.last == title[quote],
            title.index(after: quote) < title.endIndex
        else { return title }
        let inner = title[title.index(after: quote)...].dropLast()
        return inner.contains(title[quote]) ? title : String(title[..<quote] + inner)
    }

    private func property(_ content: ArraySlice<UInt8>) -> (name: String, value: String)? {
        guard let equals = content.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = content[..<equals].trimmed()
        guard !name.isEmpty else { return nil }
        let lowered = String(decoding: name, as: UTF8.self).lowercased()
        var value = content[(equals + 1)...].trimmed()
        // A command may hold `;` or `#`; SDKs differ, and a cut command is worse than a kept comment.
        if lowered != "credential_process" { value = withoutComment(value) }
        return (lowered, String(decoding: value, as: UTF8.self))
    }

    private func withoutComment(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = value.indices.first { index in
            (value[index] == UInt8(ascii: "#") || value[index] == UInt8(ascii: ";"))
                && (index == value.startIndex || isBlank(value[index - 1]))
        }
        return start.map { value[..<$0].trimmed() } ?? value
    }
}

private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

extension ArraySlice<UInt8> {
    /// The slice without blanks at its ends.
    fileprivate func trimmed() -> ArraySlice<UInt8> {
        let head = drop(while: isBlank)
        guard let last = head.lastIndex(where: { !isBlank($0) }) else { return head.prefix(0) }
        return head[...last]
    }
}
