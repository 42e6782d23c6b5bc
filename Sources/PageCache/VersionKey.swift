import CCrypto
import Pages

/// A strong hash of a version's address, etag and size: the key of the tables and the name of the cache
/// files.
struct VersionKey: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    /// The first 128 bits of a SHA-256 over the length-prefixed parts of the identity.
    init(_ version: FileVersion) {
        let etag = version.etag.text.utf8
        var text: [UInt8] = []
        text.reserveCapacity(version.uri.bytes.count + etag.count + 24)
        for number in [UInt64(version.size), UInt64(etag.count), UInt64(version.uri.bytes.count)] {
            withUnsafeBytes(of: number.littleEndian) { text.append(contentsOf: $0) }
        }
        text.append(contentsOf: etag)
        text.append(contentsOf: version.uri.bytes)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(text, text.count, &digest)
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The key of a file name: two digits of the bucket and thirty of the name.
    /// - Returns: `nil` if the text is not 32 lower-case hexadecimal digits.
    init?(hexadecimal text: String) {
        guard text.utf8.count == 32 else { return nil }
        var words: [UInt64] = [0, 0]
        for (index, byte) in text.utf8.enumerated() {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            words[index / 16] = words[index / 16] << 4 | UInt64(digit)
        }
        high = words[0]
        low = words[1]
    }

    /// Which of the 256 directories the files lie in.
    var bucket: Int { Int(high >> 56) }

    /// The path of the version's files below the cache directory, without their ending.
    var path: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 33) { text in
            for index in 0..<32 {
                let word = index < 16 ? high : low
                let place = index < 2 ? index : index + 1
                text[place] = digits[Int(word >> UInt64(60 - 4 * (index % 16)) & 15)]
            }
            text[2] = UInt8(ascii: "/")
            return 33
        }
    }
}
