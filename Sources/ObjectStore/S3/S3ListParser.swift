/// One page of a ListObjectsV2 answer.
public struct S3ListResult: Sendable {
    /// An object of the page; the ranges are offsets into ``S3ListResult/texts``.
    public struct Object: Hashable, Sendable {
        /// Where the key is.
        public var key: Range<Int> = 0..<0
        /// Where the ETag is, quotes left out.
        public var etag: Range<Int> = 0..<0
        /// Length in bytes; -1 if the answer has none that can be read.
        public var size: Int64 = -1
        /// Seconds since 1970; 0 if the answer has none that can be read.
        public var modified: Int64 = 0
    }

    /// The decoded texts, one after the other.
    public internal(set) var texts: [UInt8] = []
    /// The objects in order.
    public internal(set) var objects: [Object] = []
    /// Where the common prefixes are, in order.
    public internal(set) var prefixes: [Range<Int>] = []
    /// Whether there is another page.
    public internal(set) var isTruncated = false
    /// Where to go on; nil if there was none.
    public internal(set) var nextToken: String?
    /// Whether keys and prefixes are percent-encoded.
    public internal(set) var isURLEncoded = false
}

/// Reads ListObjectsV2 answers.
///
/// Takes any bytes and always ends.
public enum S3ListParser {
    /// The most objects and prefixes that one page may have.
    public static let entriesMaximum = 100_000

    private enum Place {
        case outside
        case result
        case object
        case prefix
    }

    /// Reads one page.
    /// - Parameter document: The body of the answer; any bytes at all.
    /// - Returns: What it says.
    /// - Throws: ``XMLError`` if it is not well-formed, or is not a `ListBucketResult` of a sensible size.
    public static func parse(_ document: [UInt8]) throws(XMLError) -> S3ListResult {
        var scanner = XMLScanner(bytes: document)
        var result = S3ListResult()
        result.texts.reserveCapacity(document.count / 2)
        var object = S3ListResult.Object()
        var place = Place.outside
        while true {
            switch try scanner.next() {
            case .end:
                return result
            case .text:
                continue
            case .close:
                if scanner.depth == 1 {
                    if place == .object { result.objects.append(object) }
                    place = .result
                }
            case .open(let name):
                switch place {
                case .outside:
                    guard scanner.matches(name, "ListBucketResult") else {
                        throw .malformed(at: name.lowerBound)
                    }
                    place = .result
                case .result:
                    guard result.objects.count + result.prefixes.count < entriesMaximum else {
                        throw .tooDeep
                    }
                    object = S3ListResult.Object()
                    place = try topLevel(name, &scanner, &result)
                case .object:
                    try field(name, of: &object, &scanner, &result)
                case .prefix:
                    let text = try leaf(&scanner, &result)
                    if scanner.matches(name, "Prefix") { result.prefixes.append(text) }
                }
            }
        }
    }

    private static func topLevel(
        _ name: Range<Int>,
        _ scanner: inout XMLScanner,
        _ result: inout S3ListResult
    ) throws(XMLError) -> Place {
        if scanner.matches(name, "Contents") { return .object }
        if scanner.matches(name, "CommonPrefixes") { return .prefix }
        let text = try leaf(&scanner, &result)
        if scanner.matches(name, "IsTruncated") {
            result.isTruncated = result.texts[text].elementsEqual("true".utf8)
        } else if scanner.matches(name, "EncodingType") {
            result.isURLEncoded = result.texts[text].elementsEqual("url".utf8)
        } else if scanner.matches(name, "NextContinuationToken"), !text.isEmpty {
            result.nextToken = String(decoding: result.texts[text], as: UTF8.self)
        }
        return .result
    }

    private static func field(
        _ name: Range<Int>,
        of object: inout S3ListResult.Object,
        _ scanner: inout XMLScanner,
        _ result: inout S3ListResult
    ) throws(XMLError) {
        let text = try leaf(&scanner, &result)
        if scanner.matches(name, "Key") {
            object.key = text
        } else if scanner.matches(name, "ETag") {
            object.etag = unquoted(text, in: result.texts)
        } else if scanner.matches(name, "Size") {
            object.size = number(result.texts[text])
        } else if scanner.matches(name, "LastModified") {
            object.modified = CivilTime.parseISO8601(result.texts[text]) ?? 0
        }
    }

    /// Reads an element to its end; the result is where its text, without that of elements inside, was put.
    private static func leaf(
        _ scanner: inout XMLScanner,
        _ result: inout S3ListResult
    ) throws(XMLError) -> Range<Int> {
        let depth = scanner.depth
        let start = result.texts.count
        while scanner.depth >= depth {
            guard case .text(let range, let hasEntities) = try scanner.next(), scanner.depth == depth else {
                continue
            }
            try scanner.append(text: range, hasEntities: hasEntities, to: &result.texts)
        }
        return start..<result.texts.count
    }

    static func unquoted(_ range: Range<Int>, in texts: [UInt8]) -> Range<Int> {
        let quote = UInt8(ascii: "\"")
        guard range.count >= 2, texts[range.lowerBound] == quote, texts[range.upperBound - 1] == quote else {
            return range
        }
        return (range.lowerBound + 1)..<(range.upperBound - 1)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64 {
        var value: Int64 = 0
        for byte in digits {
            guard byte >= 0x30, byte <= 0x39, value < Int64.max / 10 - 1 else { return -1 }
            value = value * 10 + Int64(byte - 0x30)
        }
        return digits.isEmpty ? -1 : value
    }
}
