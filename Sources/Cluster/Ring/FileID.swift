import CCrypto
public import Pages

/// The name of a file in the worker protocol: the SHA-256 of its UFS address in lower-case hexadecimal.
///
/// The address goes in as it is, scheme included: `s3://` and `s3a://`, or another number of slashes, give
/// another id.
public struct FileID: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public let text: String

    /// The id of a file.
    /// - Parameter uri: The file's address; nothing is normalised.
    public init(_ uri: UFSURI) {
        let digest = [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
            _ = SHA256(uri.bytes, uri.bytes.count, digest.baseAddress)
            count = 32
        }
        text = Hexadecimal.text(digest)
    }

    /// The 64 digits.
    public var description: String { text }
}
