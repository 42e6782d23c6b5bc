import CCrypto

/// SHA-256 of texts.
enum Digest {
    /// The first 128 bits of the SHA-256 of texts, each with its length before it, as 32 hexadecimal digits.
    static func text(of texts: [String]) -> String {
        let bytes = texts.flatMap { text in Array("\(text.utf8.count):".utf8) + Array(text.utf8) }
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest.prefix(16).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }
}
