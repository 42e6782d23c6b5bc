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
    /// What is sent.
    var body: [UInt8]?

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
        return HTTPRequest(
            method: request.operation.method,
            url: String(decoding: url, as: UTF8.self),
            headers: headers(request, path, signing),
            body: request.body
        )
    }

    private func headers(
        _ request: S3Request,
        _ path: [UInt8],
        _ signing: S3Signing
    ) -> [(name: String, value: String)] {
        let date = CivilTime.amazon(signing.now)
        let payloadHash = request.body == nil ? SigV4Request.emptyPayloadHash : SigV4Request.unsignedPayload
        // Sorted by name, as the signature wants them.
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(8)
        if let etag = request.etag { headers.append(("if-match", "\"\(etag.text)\"")) }
        if let range = request.range { headers.append(("range", "bytes=\(range.offset)-\(range.end - 1)")) }
        if let credentials = signing.credentials {
            headers.append(("x-amz-content-sha256", payloadHash))
            headers.append(("x-amz-date", String(decoding: date, as: UTF8.self)))
            if signing.requesterPays { headers.append(("x-amz-request-payer", "requester")) }
            if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
            let canonical = SigV4Request(
                method: request.operation.method,
                path: path,
                query: request.query,
                headers: [("host", signing.endpoint.authority)] + headers,
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
