/// Percent-encoding as S3 signs it: every byte but `A-Z a-z 0-9 - . _ ~` becomes `%XX`, upper case.
enum PercentCoding {
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// Appends the encoded form of bytes.
    /// - Parameters:
    ///   - bytes: What to encode.
    ///   - keepsSlash: Whether `/` stays, as in a path; a query encodes it.
    ///   - text: Where to.
    static func append(_ bytes: some Sequence<UInt8>, keepsSlash: Bool, to text: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) || (keepsSlash && byte == UInt8(ascii: "/")) {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(hexadecimal[Int(byte >> 4)])
                text.append(hexadecimal[Int(byte & 15)])
            }
        }
    }

    /// Appends what `encoding-type=url` means: `%XX` is a byte, `+` a blank; a `%` without two digits stays.
    static func appendDecoded(_ bytes: ArraySlice<UInt8>, to text: inout [UInt8]) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                text.append(high << 4 | low)
                index += 3
                continue
            }
            text.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            index += 1
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
