import HTTPTransport
import Pages

/// One request to a bucket, before it is addressed and signed.
struct S3Request {
    var operation: S3Operation
    /// The object's key; nil for a request to the bucket.
    var key: [UInt8]?
    /// The query, encoded and sorted by name.
    var query: [UInt8] = []
    /// The bytes wanted.
    var range: Span?
    /// Which version must be meant; goes out as `If-Match`.
    var etag: ETag?
    /// Nothing may be under the key; goes out as `If-None-Match: *`.
    var mustBeAbsent = false
    /// Further header fields, names in lower case; signed.
    var fields: [(name: String, value: String)] = []
    /// What is sent; not together with `content`.
    var body: [UInt8]?
    /// What is sent of an object's bytes.
    var content: S3Body?
    /// Whether the server may be silent as long as the whole attempt takes, since it copies.
    var isSlow = false

    init(_ operation: S3Operation, key: [UInt8]? = nil) {
        self.operation = operation
        self.key = key
    }

    /// A page of a listing.
    /// - Parameters:
    ///   - prefix: What the keys begin with.
    ///   - isDirectory: Whether keys are cut at the next slash.
    ///   - entriesMaximum: The most entries wanted.
    ///   - token: Where to go on.
    ///   - key: Behind which key to begin; not together with a token.
    init(
        listing prefix: [UInt8],
        isDirectory: Bool,
        entriesMaximum: Int,
        token: String? = nil,
        after key: [UInt8]? = nil
    ) {
        operation = .listObjects
        query.reserveCapacity(128 + prefix.count * 2 + (token?.utf8.count ?? 0) * 2)
        // In the order of the names, since the signature wants them sorted.
        if let token {
            query.append(contentsOf: "continuation-token=".utf8)
            PercentCoding.append(token.utf8, keepsSlash: false, to: &query)
            query.append(UInt8(ascii: "&"))
        }
        if isDirectory { query.append(contentsOf: "delimiter=%2F&".utf8) }
        query.append(contentsOf: "encoding-type=url&list-type=2&max-keys=\(entriesMaximum)&prefix=".utf8)
        PercentCoding.append(prefix, keepsSlash: false, to: &query)
        if let key {
            query.append(contentsOf: "&start-after=".utf8)
            PercentCoding.append(key, keepsSlash: false, to: &query)
        }
    }

    /// The path, percent-encoded once, as S3 signs it.
    func path(at endpoint: S3Endpoint) -> [UInt8] {
        var path: [UInt8] = []
        path.reserveCapacity(endpoint.basePath.count + 2 + (key?.count ?? 0) * 3 / 2)
        path.append(contentsOf: endpoint.basePath)
        if let key {
            path.append(UInt8(ascii: "/"))
            PercentCoding.append(key, keepsSlash: true, to: &path)
        }
        if path.isEmpty { path.append(UInt8(ascii: "/")) }
        return path
    }
}

/// What goes into one attempt beside the request.
struct S3Signing {
    var endpoint: S3Endpoint
    /// nil for an unsigned request.
    var credentials: Credentials?
    /// Seconds since 1970 by the server's clock.
    var now: Int64
    var requesterPays: Bool
}

extension SigV4Signer {
    /// Addresses and signs a request.
    func signed(_ request: S3Request, _ signing: S3Signing) -> HTTPRequest {
        let endpoint = signing.endpoint
        let path = request.path(at: endpoint)
        var url: [UInt8] = []
        url.reserveCapacity(endpoint.authority.utf8.count + path.count + request.query.count + 16)
        url.append(contentsOf: endpoint.scheme.utf8)
        url.append(contentsOf: "://".utf8)
        url.append(contentsOf: endpoint.authority.utf8)
        url.append(contentsOf: path)
        if !request.query.isEmpty {
            url.append(UInt8(ascii: "?"))
            url.append(contentsOf: request.query)
        }
        var message = HTTPRequest(
            method: request.operation.method,
            url: String(decoding: url, as: UTF8.self),
            headers: headers(request, path, signing),
            body: request.body
        )
        if let content = request.content {
            message.body = content.memory
            if message.body == nil { message.upload = content.upload() }
        }
        return message
    }

    /// What the signature says of the body.
    ///
    /// A large one is not hashed for it: its checksum is in a field.
    private func payloadHash(_ request: S3Request) -> String {
        guard let bytes = request.body ?? request.content?.memory else {
            return request.content == nil ? SigV4Request.emptyPayloadHash : SigV4Request.unsignedPayload
        }
        guard bytes.count <= SigV4Request.hashedMaximumBytes else { return SigV4Request.unsignedPayload }
        var text: [UInt8] = []
        appendHexadecimal(SHA256.hash(bytes), to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func headers(
        _ request: S3Request,
        _ path: [UInt8],
        _ signing: S3Signing
    ) -> [(name: String, value: String)] {
        let date = CivilTime.amazon(signing.now)
        let payloadHash = payloadHash(request)
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(8 + request.fields.count)
        headers.append(contentsOf: request.fields)
        if request.mustBeAbsent { headers.append(("if-none-match", "*")) }
        if let etag = request.etag { headers.append(("if-match", "\"\(etag.text)\"")) }
        if let range = request.range { headers.append(("range", "bytes=\(range.offset)-\(range.end - 1)")) }
        if let credentials = signing.credentials {
            headers.append(("x-amz-content-sha256", payloadHash))
            headers.append(("x-amz-date", String(decoding: date, as: UTF8.self)))
            if signing.requesterPays { headers.append(("x-amz-request-payer", "requester")) }
            if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
            // Sorted by name, as the signature wants them; the fields of a GET are so already.
            var signed = [("host", signing.endpoint.authority)] + headers
            if !request.fields.isEmpty { signed.sort { $0.0 < $1.0 } }
            let canonical = SigV4Request(
                method: request.operation.method,
                path: path,
                query: request.query,
                headers: signed,
                payloadHash: payloadHash
            )
            let value = authorization(
                for: canonical,
                credentials: credentials,
                region: signing.endpoint.region,
                date: date
            )
            headers.append(("authorization", value))
        } else if signing.requesterPays {
            headers.append(("x-amz-request-payer", "requester"))
        }
        return headers
    }
}
