import CCrypto

/// A SHA-256 hash under way.
///
/// Copyable, so that a common beginning is hashed once.
struct SHA256: Sendable {
    private var context = SHA256_CTX()

    init() { SHA256_Init(&context) }

    mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            _ = SHA256_Update(&context, bytes.baseAddress, bytes.count)
        }
    }

    /// The 32 bytes of the hash; the value must not be used afterwards.
    mutating func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            SHA256_Final(buffer.baseAddress, &context)
            count = 32
        }
    }

    static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}

/// HMAC-SHA-256 with a key that is hashed once.
struct HMACKey: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    init(_ key: [UInt8]) {
        var block = key.count > 64 ? SHA256.hash(key) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        var inner = SHA256()
        inner.update(block.map { $0 ^ 0x36 })
        self.inner = inner
        var outer = SHA256()
        outer.update(block.map { $0 ^ 0x5C })
        self.outer = outer
    }

    func code(of message: [UInt8]) -> [UInt8] {
        var first = inner
        first.update(message)
        var second = outer
        second.update(first.finish())
        return second.finish()
    }
}

/// Lower-case hexadecimal digits.
func appendHexadecimal(_ bytes: [UInt8], to text: inout [UInt8]) {
    for byte in bytes {
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
    }
}

private func digit(_ half: UInt8) -> UInt8 {
    half < 10 ? UInt8(ascii: "0") + half : UInt8(ascii: "a") + half - 10
}
