/// The address of a file in its under file system (UFS), for example `s3://bucket/dir/key`.
///
/// Kept as bytes, since an object key or a local file name need not be valid UTF-8. Never
/// percent-encoded, no trailing slash except for a root.
public struct UFSURI: Hashable, Sendable, CustomStringConvertible {
    /// The bytes of the address, scheme included.
    public let bytes: [UInt8]

    /// Wraps the bytes of an address.
    /// - Parameter bytes: The whole address, scheme included, not percent-encoded.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Wraps an address given as text.
    /// - Parameter text: The whole address, scheme included, not percent-encoded.
    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// The address as text; bytes that are not UTF-8 show as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// The opaque name that a store gives to one version of an object (RFC 9110, 8.8.3), without quotes.
///
/// For S3 it is the `ETag`; for a local file it is made of device, inode, size, mtime and ctime.
/// Two versions of a file have different etags; equal etags mean equal bytes.
public struct ETag: Hashable, Sendable, CustomStringConvertible {
    /// The tag without the quotes of its HTTP form.
    public let text: String

    /// Wraps a tag.
    /// - Parameter text: The tag without quotes.
    public init(_ text: String) {
        self.text = text
    }

    /// The tag without quotes.
    public var description: String { text }
}

/// One version of one file: what a read is a read *of*.
public struct FileVersion: Hashable, Sendable {
    /// Where the file lies in its store.
    public let uri: UFSURI
    /// Which version of it.
    public let etag: ETag
    /// Its length in bytes; never negative.
    public let size: Int64

    /// Names one version of a file.
    /// - Parameters:
    ///   - uri: Where the file lies in its store.
    ///   - etag: Which version of it.
    ///   - size: Its length in bytes; not negative.
    public init(uri: UFSURI, etag: ETag, size: Int64) {
        precondition(size >= 0, "a file has no negative length")
        self.uri = uri
        self.etag = etag
        self.size = size
    }
}
