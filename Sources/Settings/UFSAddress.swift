/// Where the data to mount lies, as the command line names it.
package enum UFSAddress: Equatable, Sendable, CustomStringConvertible {
    /// A bucket, and a prefix without slashes at its ends; empty for the whole bucket.
    case s3(scheme: String, bucket: String, prefix: String)
    /// An absolute path without a slash at its end, except for the root.
    case file(String)

    private static let forms = "s3://bucket[/prefix], s3a://bucket[/prefix] or file:///directory"

    /// Whether an argument looks like an address rather than a path.
    package static func looksLikeAddress(_ text: String) -> Bool {
        text.range(of: "://") != nil || text.hasPrefix("file:/")
    }

    /// Reads an address.
    /// - Throws: A ``Failure`` that says which forms there are.
    package init(_ text: String) throws(Failure) {
        guard let separator = text.range(of: "://") else {
            throw .usage("'\(text)' is no address of data; use \(Self.forms)")
        }
        let scheme = text[..<separator.lowerBound].lowercased()
        let rest = text[separator.upperBound...]
        switch scheme {
        case "s3", "s3a": self = try Self.bucket(rest, scheme: scheme, in: text)
        case "file": self = try Self.directory(rest, in: text)
        default: throw .usage("'\(scheme)://' cannot be mounted; use \(Self.forms)")
        }
    }

    private static func bucket(_ rest: Substring, scheme: String, in text: String) throws(Failure)
        -> UFSAddress
    {
        let bucket = rest.prefix { $0 != "/" }
        guard (1...255).contains(bucket.utf8.count), bucket.utf8.allSatisfy(isBucketByte) else {
            throw .usage(
                "'\(text)' names no bucket; use \(scheme)://bucket[/prefix] with letters, digits, '.', '-'"
            )
        }
        var prefix = rest[bucket.endIndex...].drop { $0 == "/" }
        while prefix.hasSuffix("/") { prefix = prefix.dropLast() }
        guard prefix.utf8.count <= 1024, !prefix.utf8.contains(0) else {
            throw .usage("the prefix of '\(text)' is longer than the 1024 bytes of a key")
        }
        return .s3(scheme: scheme, bucket: String(bucket), prefix: String(prefix))
    }

    private static func isBucketByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func directory(_ rest: Substring, in text: String) throws(Failure) -> UFSAddress {
        guard rest.hasPrefix("/") else {
            throw .usage("'\(text)' needs an absolute path: file:///directory")
        }
        var path = rest
        while path.utf8.count > 1 && path.hasSuffix("/") { path = path.dropLast() }
        return .file(String(path))
    }

    /// The address as a user would write it.
    package var description: String {
        switch self {
        case .s3(let scheme, let bucket, let prefix):
            prefix.isEmpty ? "\(scheme)://\(bucket)" : "\(scheme)://\(bucket)/\(prefix)"
        case .file(let path): "file://\(path)"
        }
    }
}
