/// Percent-encoding of bytes in URLs, forms and documents.
///
/// Every byte but the unreserved ones of RFC 3986 (`A-Z a-z 0-9 - . _ ~`) becomes `%XX`, upper case. That is
/// also how S3 signs a path, where `/` stays. Pure functions; any thread may call them.
public enum PercentCoding {
    /// A `%` that two hexadecimal digits do not follow.
    public struct MalformedEscape: Error, Hashable, Sendable, CustomStringConvertible {
        /// Where the `%` is, in bytes from the beginning of the text.
        public let offset: Int

        /// What is wrong, as the end of a sentence about the text.
        public var description: String {
            "has a '%' without two hexadecimal digits at byte \(offset); '%' itself is written '%25'"
        }
    }

    /// Appends the encoded form of bytes.
    /// - Parameters:
    ///   - bytes: What to encode; may be empty.
    ///   - keepsSlash: Whether `/` stays, as in a path; a query and a form encode it.
    ///   - text: Where to.
    @inlinable
    public static func append(
        _ bytes: some Sequence<UInt8>,
        keepsSlash: Bool = false,
        to text: inout [UInt8]
    ) {
        // Inlinable, since a listing encodes hundreds of thousands of names.
        for byte in bytes {
            if isUnreserved(byte) || (keepsSlash && byte == UInt8(ascii: "/")) {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(digit(byte >> 4))
                text.append(digit(byte & 15))
            }
        }
    }

    /// The encoded form of bytes.
    /// - Parameters:
    ///   - bytes: What to encode; may be empty.
    ///   - keepsSlash: Whether `/` stays, as in a path.
    /// - Returns: The text, empty for no bytes.
    public static func encoded(_ bytes: some Sequence<UInt8>, keepsSlash: Bool = false) -> [UInt8] {
        var text: [UInt8] = []
        append(bytes, keepsSlash: keepsSlash, to: &text)
        return text
    }

    /// Appends what encoded text means; `+` stands for itself.
    /// - Parameters:
    ///   - text: The encoded text; may be empty.
    ///   - bytes: Where to. When it throws, what comes before the escape is appended.
    /// - Throws: ``MalformedEscape`` at the first `%` without two hexadecimal digits.
    public static func appendDecoded(
        _ text: ArraySlice<UInt8>,
        to bytes: inout [UInt8]
    ) throws(MalformedEscape) {
        let stray = decode(text, plusIsBlank: false, stopsAtStray: true, to: &bytes)
        if let stray { throw MalformedEscape(offset: stray - text.startIndex) }
    }

    /// Appends what encoded text means to a lenient reader: a `%` without two hexadecimal digits stands for
    /// itself.
    /// - Parameters:
    ///   - text: The encoded text; may be empty.
    ///   - plusIsBlank: Whether `+` is a blank, as in a form and in S3's `encoding-type=url`.
    ///   - bytes: Where to.
    public static func appendLenientlyDecoded(
        _ text: ArraySlice<UInt8>,
        plusIsBlank: Bool,
        to bytes: inout [UInt8]
    ) {
        _ = decode(text, plusIsBlank: plusIsBlank, stopsAtStray: false, to: &bytes)
    }

    /// What encoded text means to a lenient reader, as ``appendLenientlyDecoded(_:plusIsBlank:to:)``.
    /// - Parameters:
    ///   - text: The encoded text; may be empty.
    ///   - plusIsBlank: Whether `+` is a blank.
    /// - Returns: The bytes, empty for no text.
    public static func lenientlyDecoded(_ text: ArraySlice<UInt8>, plusIsBlank: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        appendLenientlyDecoded(text, plusIsBlank: plusIsBlank, to: &bytes)
        return bytes
    }

    /// The index of the first `%` that is no escape, if that ends the work; else nil.
    private static func decode(
        _ text: ArraySlice<UInt8>,
        plusIsBlank: Bool,
        stopsAtStray: Bool,
        to bytes: inout [UInt8]
    ) -> Int? {
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "%") {
                if index + 2 < text.endIndex, let high = value(text[index + 1]),
                    let low = value(text[index + 2])
                {
                    bytes.append(high << 4 | low)
                    index += 3
                    continue
                }
                if stopsAtStray { return index }
            }
            bytes.append(plusIsBlank && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            index += 1
        }
        return nil
    }

    /// Whether RFC 3986 lets a byte stand for itself everywhere.
    @inlinable
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    @inlinable
    static func digit(_ half: UInt8) -> UInt8 {
        half < 10 ? UInt8(ascii: "0") + half : UInt8(ascii: "A") + half - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
