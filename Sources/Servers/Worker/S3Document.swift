import HTTPTransport
import Metadata
import NIOHTTP1
import Pages

/// The XML documents of the S3 API.
enum S3Document {
    private static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    private static let owner = "<Owner><ID>alluxio</ID><DisplayName>alluxio</DisplayName></Owner>"

    /// An error.
    static func error(code: String, message: String, resource: [UInt8]) -> [UInt8] {
        var text = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".utf8)
        append("Code", Array(code.utf8), to: &text)
        append("Message", Array(message.utf8), to: &text)
        append("Resource", resource, to: &text)
        append("RequestId", [], to: &text)
        text += Array("</Error>".utf8)
        return text
    }

    /// The buckets: the mount points.
    static func buckets(_ mounts: [MountedStore]) -> [UInt8] {
        var text = begin("ListAllMyBucketsResult")
        text += Array((owner + "<Buckets>").utf8)
        for mount in mounts.sorted(by: { $0.path < $1.path }) {
            text += Array("<Bucket>".utf8)
            append("Name", Array(mount.path.utf8.dropFirst()), to: &text)
            append("CreationDate", Array(HTTPDate.iso8601(0).utf8), to: &text)
            text += Array("</Bucket>".utf8)
        }
        return text + Array("</Buckets></ListAllMyBucketsResult>".utf8)
    }

    /// Where a bucket is; nowhere in particular.
    static func location() -> [UInt8] {
        begin("LocationConstraint") + Array("</LocationConstraint>".utf8)
    }

    /// One page of keys.
    static func list(_ bucket: [UInt8], _ wish: S3ListRequest, _ walk: S3KeyWalk) -> [UInt8] {
        var text = begin("ListBucketResult")
        append("Name", bucket, to: &text)
        append("Prefix", wish.written(wish.prefix), to: &text)
        if wish.isFolded { append("Delimiter", Array("/".utf8), to: &text) }
        append("MaxKeys", Array("\(wish.itemsMaximum)".utf8), to: &text)
        if wish.isEncoded { append("EncodingType", Array("url".utf8), to: &text) }
        append("IsTruncated", Array((walk.isTruncated ? "true" : "false").utf8), to: &text)
        let last = walk.items.last?.key ?? []
        if wish.isSecondVersion {
            append("KeyCount", Array("\(walk.items.count)".utf8), to: &text)
            if let token = wish.token { append("ContinuationToken", token, to: &text) }
            if let after = wish.startAfter { append("StartAfter", wish.written(after), to: &text) }
            if walk.isTruncated {
                append("NextContinuationToken", PercentCoding.encoded(last), to: &text)
            }
        } else {
            append("Marker", wish.written(wish.marker), to: &text)
            if walk.isTruncated { append("NextMarker", wish.written(last), to: &text) }
        }
        for item in walk.items { append(item, wish, to: &text) }
        return text + Array("</ListBucketResult>".utf8)
    }

    private static func append(_ item: S3KeyWalk.Item, _ wish: S3ListRequest, to text: inout [UInt8]) {
        switch item {
        case .prefix(let prefix):
            text += Array("<CommonPrefixes>".utf8)
            append("Prefix", wish.written(prefix), to: &text)
            text += Array("</CommonPrefixes>".utf8)
        case .object(let key, let attributes):
            text += Array("<Contents>".utf8)
            append("Key", wish.written(key), to: &text)
            let modified = HTTPDate.iso8601(attributes.modified / 1_000_000_000)
            append("LastModified", Array(modified.utf8), to: &text)
            append("ETag", Array("\"\(attributes.etag?.text ?? "")\"".utf8), to: &text)
            append("Size", Array("\(attributes.size)".utf8), to: &text)
            append("StorageClass", Array("STANDARD".utf8), to: &text)
            text += Array("</Contents>".utf8)
        }
    }

    private static func begin(_ name: String) -> [UInt8] {
        Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<\(name) xmlns=\"\(namespace)\">".utf8)
    }

    private static func append(_ name: String, _ value: [UInt8], to text: inout [UInt8]) {
        text += Array("<\(name)>".utf8)
        for byte in value {
            switch byte {
            case UInt8(ascii: "<"): text += Array("&lt;".utf8)
            case UInt8(ascii: ">"): text += Array("&gt;".utf8)
            case UInt8(ascii: "&"): text += Array("&amp;".utf8)
            case UInt8(ascii: "\""): text += Array("&quot;".utf8)
            case 0x0D, 0x0A, 0x09: text += Array("&#\(byte);".utf8)
            default: text.append(byte)
            }
        }
        text += Array("</\(name)>".utf8)
    }
}

/// What a request for keys says.
struct S3ListRequest {
    let prefix: [UInt8]
    let isFolded: Bool
    let isSecondVersion: Bool
    let isEncoded: Bool
    let itemsMaximum: Int
    /// `marker` of the first version.
    let marker: [UInt8]
    /// `start-after` of the second version.
    let startAfter: [UInt8]?
    /// `continuation-token` of the second version.
    let token: [UInt8]?

    /// Reads the parameters.
    /// - Throws: A 400 for a delimiter other than `/` and a number that is none.
    init(_ request: ServedRequest) throws(HTTPFailure) {
        let target = request.target
        prefix = target.encodedValue("prefix") ?? []
        isSecondVersion = target.text("list-type") == "2"
        isEncoded = target.text("encoding-type") == "url"
        let delimiter = target.text("delimiter")
        guard delimiter == nil || delimiter == "/" else {
            throw .refused(.notImplemented, "the delimiter can be '/' only")
        }
        isFolded = delimiter != nil
        let count = try request.number("max-keys", or: 1000)
        guard count >= 0 else { throw .refused(.badRequest, "max-keys=\(count) is no number of keys") }
        itemsMaximum = Int(min(count, 1000))
        marker = target.encodedValue("marker") ?? []
        startAfter = target.encodedValue("start-after")
        token = target.encodedValue("continuation-token")
    }

    /// The key behind which the answer begins.
    var after: [UInt8] {
        guard isSecondVersion else { return marker }
        if let token { return PercentCoding.lenientlyDecoded(token[...]) }
        return startAfter ?? []
    }

    /// A key as the client wants it written.
    func written(_ key: [UInt8]) -> [UInt8] {
        isEncoded ? PercentCoding.encoded(key, keepsSlash: true) : key
    }
}
