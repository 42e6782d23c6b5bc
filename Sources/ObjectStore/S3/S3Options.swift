/// Why settings of an S3 store are refused; the text names the setting and the remedy.
public struct S3OptionsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// Settings of an ``S3Store``.
public struct S3Options: Sendable {
    /// `s3` or `s3a`, as the user wrote it; only shows in addresses.
    public var scheme = "s3"
    /// The bucket's name.
    public var bucket: String
    /// What the keys of the mount begin with, without slash at either end; empty for the whole bucket.
    public var prefix: [UInt8]
    /// The URL of the S3 service, such as `http://127.0.0.1:9000`; nil for Amazon's of the region.
    public var endpoint: String?
    /// The region to sign for; nil to begin with `us-east-1` and learn from the answer.
    public var region: String?
    /// Whether the bucket goes into the path (`true`) or the host name (`false`); nil: into the path if there
    /// is an ``endpoint`` or the bucket's name has a dot, since no certificate covers that.
    public var usesPathStyle: Bool?
    /// Whether this side pays for requests and data of a requester-pays bucket.
    public var requesterPays = false
    /// Whether requests go out unsigned.
    public var anonymous = false
    /// How long and how often requests are tried.
    public var retries = S3RetryLimits()
    /// The same for the request of ``S3Store/check()``.
    public var checkRetries = S3RetryLimits.check
    /// How many entries one listing request asks for, 1 to 1000.
    public var listPageSize = 1000
    /// The most threads kept for the second question of a lookup.
    public var companionsMaximum = 16

    /// How new objects are encrypted by the store.
    public var encryption = Encryption.none
    /// The storage class of new objects, such as `STANDARD_IA`; nil for the bucket's.
    public var storageClass: String?
    /// The canned ACL of new objects, such as `bucket-owner-full-control`; nil for none.
    public var cannedACL: String?
    /// The tags of new objects, percent-encoded as in a query: `team=blue&kind=data`; nil for none.
    public var tags: String?
    /// The size of the first parts of a multipart upload in bytes; 5 MiB to 1 GiB.
    public var partBytes = 16 << 20
    /// The most threads that send parts beside those that commit.
    public var uploadThreadsMaximum = 8

    /// What encrypts new objects in the store.
    public enum Encryption: Hashable, Sendable {
        /// Whatever the bucket is set to.
        case none
        /// Keys that S3 manages (SSE-S3).
        case managed
        /// A key of the key management service (SSE-KMS): its id or ARN; empty for the account's own.
        case key(String)
    }

    /// Names a bucket and a prefix in it.
    /// - Parameters:
    ///   - bucket: The bucket's name.
    ///   - prefix: What the keys begin with; slashes at either end are dropped.
    public init(bucket: String, prefix: [UInt8] = []) {
        self.bucket = bucket
        let slash = UInt8(ascii: "/")
        var rest = prefix[...]
        while rest.first == slash { rest.removeFirst() }
        while rest.last == slash { rest.removeLast() }
        self.prefix = Array(rest)
    }

    /// Reads an address as a user writes it.
    /// - Parameter uri: `s3://bucket[/prefix]` or `s3a://…`; not percent-encoded.
    /// - Throws: ``S3OptionsError`` if it is something else.
    public init(uri: String) throws(S3OptionsError) {
        guard let mark = uri.firstRange(of: "://"),
            ["s3", "s3a"].contains(uri[..<mark.lowerBound].lowercased())
        else {
            throw S3OptionsError(description: "\(uri) is no S3 address: write s3://bucket/prefix")
        }
        let rest = uri[mark.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let bucket = String(rest[..<slash])
        guard !bucket.isEmpty, bucket.utf8.allSatisfy(Self.isBucketByte) else {
            throw S3OptionsError(
                description: "\(uri) has no usable bucket name: letters, digits, '-', '.' and '_' are allowed"
            )
        }
        self.init(bucket: bucket, prefix: Array(rest[slash...].utf8))
        scheme = uri[..<mark.lowerBound].lowercased()
    }

    static func isBucketByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
