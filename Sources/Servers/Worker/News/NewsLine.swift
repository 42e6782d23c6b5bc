import HTTPTransport
import NIOHTTP1
import Pages

/// One line of news: a name that a client has changed, and the version it has now.
///
/// Pure. `["<address>"]`, `["<address>",<size>,"<etag>"]` or the latter with `,<offset>,<count>`; addresses
/// and ETags are percent-encoded, so that no string has an escape of JSON.
struct NewsLine: Equatable {
    /// The address in the under file system.
    let address: [UInt8]
    /// The version that is to be read ahead; nil: none.
    let version: FileVersion?
    /// What of it.
    let span: Span

    /// Reads a line without its line feed.
    /// - Throws: A 400 for any other form.
    init(_ line: ArraySlice<UInt8>) throws(HTTPFailure) {
        guard line.first == UInt8(ascii: "["), line.last == UInt8(ascii: "]"), line.count > 2 else {
            throw Self.malformed(line)
        }
        let fields = line.dropFirst().dropLast().split(
            separator: UInt8(ascii: ","),
            omittingEmptySubsequences: false
        )
        guard let first = fields.first, let address = Self.text(first), !address.isEmpty else {
            throw Self.malformed(line)
        }
        self.address = address
        guard fields.count > 1 else {
            (version, span) = (nil, Span(offset: 0, count: 0))
            return
        }
        guard fields.count == 3 || fields.count == 5, let size = Self.number(fields[1]),
            let etag = Self.text(fields[2]), !etag.isEmpty
        else { throw Self.malformed(line) }
        version = FileVersion(
            uri: UFSURI(bytes: address),
            etag: ETag(String(decoding: etag, as: UTF8.self)),
            size: size
        )
        guard fields.count == 5 else {
            span = Span(offset: 0, count: Int(size))
            return
        }
        guard let offset = Self.number(fields[3]), let count = Self.number(fields[4]), offset <= size,
            count <= size - offset
        else { throw Self.malformed(line) }
        span = Span(offset: offset, count: Int(count))
    }

    private static func malformed(_ line: ArraySlice<UInt8>) -> HTTPFailure {
        let text = String(decoding: line.prefix(128), as: UTF8.self)
        return .refused(.badRequest, "'\(text)' is no line of news")
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        guard field.count >= 2, field.first == quote, field.last == quote else { return nil }
        let inner = field.dropFirst().dropLast()
        guard !inner.contains(quote), !inner.contains(UInt8(ascii: "\\")) else { return nil }
        return PercentCoding.lenientlyDecoded(inner)
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let number = Int64(String(decoding: field, as: UTF8.self)), number >= 0 else { return nil }
        return number
    }
}
