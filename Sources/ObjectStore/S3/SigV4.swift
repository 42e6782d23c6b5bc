import Synchronization

/// What AWS Signature Version 4 signs of a request: the canonical request of its documentation.
struct SigV4Request {
    /// The SHA-256 of nothing, for requests without a body.
    static let emptyPayloadHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    /// Says that the body is not signed.
    static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// The longest body whose hash is signed, in bytes.
    static let hashedMaximumBytes = 1 << 20

    /// Upper case.
    var method: String
    /// The path, percent-encoded once.
    var path: [UInt8]
    /// The query, encoded and sorted by name.
    var query: [UInt8]
    /// The fields to sign, names in lower case and sorted; `host` and all `x-amz-` must be among them.
    var headers: [(name: String, value: String)]
    /// The body's SHA-256 in hexadecimal, or ``unsignedPayload``.
    var payloadHash: String

    /// `host;range;x-amz-date`.
    var signedNames: [UInt8] {
        var names: [UInt8] = []
        for (index, header) in headers.enumerated() {
            if index > 0 { names.append(UInt8(ascii: ";")) }
            names.append(contentsOf: header.name.utf8)
        }
        return names
    }

    func canonical(signedNames: [UInt8]) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var text: [UInt8] = []
        text.reserveCapacity(512 + path.count + query.count)
        text.append(contentsOf: method.utf8)
        text.append(newline)
        text.append(contentsOf: path)
        text.append(newline)
        text.append(contentsOf: query)
        text.append(newline)
        for header in headers {
            text.append(contentsOf: header.name.utf8)
            text.append(UInt8(ascii: ":"))
            text.append(contentsOf: header.value.utf8)
            text.append(newline)
        }
        text.append(newline)
        text.append(contentsOf: signedNames)
        text.append(newline)
        text.append(contentsOf: payloadHash.utf8)
        return text
    }
}

/// Signs requests with AWS Signature Version 4.
///
/// The key of a day is computed once for each credentials and region.
///
/// Any thread may call it.
final class SigV4Signer: Sendable {
    private struct DayKey {
        let credentials: Credentials
        let region: String
        let day: ArraySlice<UInt8>
        /// `20130524/us-east-1/s3/aws4_request`.
        let scope: [UInt8]
        let key: HMACKey
    }

    private let service: String
    private let latest = Mutex<DayKey?>(nil)

    init(service: String = "s3") {
        self.service = service
    }

    /// The value of the `Authorization` field.
    /// - Parameters:
    ///   - request: What to sign; its headers have `x-amz-date`.
    ///   - credentials: Whose signature.
    ///   - region: For which region.
    ///   - date: `20130524T000000Z`, as in `x-amz-date`.
    /// - Returns: The whole value, `AWS4-HMAC-SHA256 Credential=…`.
    func authorization(
        for request: SigV4Request,
        credentials: Credentials,
        region: String,
        date: [UInt8]
    ) -> String {
        let dayKey = key(for: credentials, region: region, day: date.prefix(8))
        let names = request.signedNames
        var message: [UInt8] = []
        message.reserveCapacity(160)
        message.append(contentsOf: "AWS4-HMAC-SHA256\n".utf8)
        message.append(contentsOf: date)
        message.append(UInt8(ascii: "\n"))
        message.append(contentsOf: dayKey.scope)
        message.append(UInt8(ascii: "\n"))
        appendHexadecimal(SHA256.hash(request.canonical(signedNames: names)), to: &message)

        var value: [UInt8] = []
        value.reserveCapacity(320)
        value.append(contentsOf: "AWS4-HMAC-SHA256 Credential=".utf8)
        value.append(contentsOf: credentials.accessKeyID.utf8)
        value.append(UInt8(ascii: "/"))
        value.append(contentsOf: dayKey.scope)
        value.append(contentsOf: ",SignedHeaders=".utf8)
        value.append(contentsOf: names)
        value.append(contentsOf: ",Signature=".utf8)
        appendHexadecimal(dayKey.key.code(of: message), to: &value)
        return String(decoding: value, as: UTF8.self)
    }

    private func key(for credentials: Credentials, region: String, day: ArraySlice<UInt8>) -> DayKey {
        let known = latest.withLock { $0 }
        if let known, known.day == day, known.region == region, known.credentials == credentials {
            return known
        }
        var scope = Array(day)
        scope.append(contentsOf: "/\(region)/\(service)/aws4_request".utf8)
        var key = HMACKey(Array("AWS4\(credentials.secretAccessKey)".utf8)).code(of: Array(day))
        for part in [region, service, "aws4_request"] {
            key = HMACKey(key).code(of: Array(part.utf8))
        }
        let made = DayKey(
            credentials: credentials,
            region: region,
            day: day,
            scope: scope,
            key: HMACKey(key)
        )
        latest.withLock { $0 = made }
        return made
    }
}
