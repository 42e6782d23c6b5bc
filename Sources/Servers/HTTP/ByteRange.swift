import Pages

/// What a `Range` header field asks of a file.
///
/// Pure. A field that is no single range of bytes is ignored, as RFC 9110 wants it.
enum ByteRange: Equatable, Sendable {
    /// The whole file.
    case whole
    /// These bytes.
    case part(Span)
    /// Bytes that the file does not have.
    case unsatisfiable

    /// Reads the field.
    /// - Parameters:
    ///   - text: Its value; nil if it is missing.
    ///   - size: The length of the file in bytes.
    init(_ text: String?, size: Int64) {
        guard let text, text.hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let range = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard range.count == 2, let bounds = Self.bounds(range[0], range[1], size: size) else {
            self = .whole
            return
        }
        let (first, end) = bounds
        self = first < end ? .part(Span(from: first, to: end)) : .unsatisfiable
    }

    /// First byte and one past the last; nil if the field is malformed.
    private static func bounds(_ first: Substring, _ last: Substring, size: Int64) -> (Int64, Int64)? {
        if first.isEmpty {
            guard let count = number(last) else { return nil }
            return (size - min(count, size), size)
        }
        guard let first = number(first) else { return nil }
        guard !last.isEmpty else { return (first, size) }
        guard let last = number(last), last >= first else { return nil }
        return (first, min(last, size - 1) + 1)
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}
