/// Percent-encoding of names in answers: every byte but `A-Z a-z 0-9 - . _ ~` becomes `%XX`, upper case.
enum PercentText {
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// Appends the encoded form of bytes.
    /// - Parameters:
    ///   - bytes: What to encode.
    ///   - keepsSlash: Whether `/` stays.
    ///   - text: Where to.
    static func append(_ bytes: some Sequence<UInt8>, keepsSlash: Bool, to text: inout [UInt8]) {
        for byte in bytes {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E:
                text.append(byte)
            case UInt8(ascii: "/") where keepsSlash:
                text.append(byte)
            default:
                text.append(UInt8(ascii: "%"))
                text.append(hexadecimal[Int(byte >> 4)])
                text.append(hexadecimal[Int(byte & 15)])
            }
        }
    }

    /// The encoded form of bytes.
    static func encoded(_ bytes: some Sequence<UInt8>, keepsSlash: Bool = false) -> [UInt8] {
        var text: [UInt8] = []
        append(bytes, keepsSlash: keepsSlash, to: &text)
        return text
    }
}
