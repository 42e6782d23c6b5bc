internal import HTTPTransport

/// Credentials of an EC2 instance's role, from its metadata service, version 2 only (a token for each visit).
struct InstanceMetadataProvider: CredentialsProvider {
    /// Where the service is unless the environment says otherwise.
    static let endpoint = "http://169.254.169.254"
    /// The same over IPv6 (`AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6`).
    static let endpointIPv6 = "http://[fd00:ec2::254]"
    private static let tokenSeconds = 300

    let name = "instance metadata"
    let environment: [String: String]
    let client: MetadataServiceClient

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        guard environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() != "true" else {
            return .absent("AWS_EC2_METADATA_DISABLED is true")
        }
        let base = try address()
        let source = "the instance metadata service at \(base)"
        let token: String
        switch try self.token(base, source) {
        case .success(let text): token = text
        case .failure(let absence): return .absent(absence.why)
        }
        let path = "\(base)/latest/meta-data/iam/security-credentials/"
        guard let roles = try get(path, token, source) else { return .absent("the instance has no role") }
        let role = String(decoding: roles.prefix { $0 > UInt8(ascii: " ") }, as: UTF8.self)
        guard !role.isEmpty else { return .absent("the instance has no role") }
        guard role.utf8.allSatisfy(Self.isRoleByte) else {
            throw .failed("\(source) named a role '\(oneLine(role))'")
        }
        guard let document = try get(path + role, token, source) else {
            throw .failed("\(source) has no credentials for the role \(role)")
        }
        return .found(try CredentialsJSON.service(document, from: source))
    }

    private struct Absence: Error {
        let why: String
    }

    /// A machine without the service is the usual case on a laptop, and no error.
    private func token(_ base: String, _ source: String) throws(CredentialsError) -> Result<String, Absence> {
        let request = HTTPRequest(
            method: "PUT",
            url: "\(base)/latest/api/token",
            headers: [(name: "X-aws-ec2-metadata-token-ttl-seconds", value: "\(Self.tokenSeconds)")]
        )
        let response: HTTPResponse
        do throws(TransportError) {
            response = try client.send(request)
        } catch {
            return .failure(Absence(why: "\(base): \(error.reason)"))
        }
        switch response.head.status {
        case 200:
            let token = String(decoding: response.body, as: UTF8.self)
            guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw .failed("\(source) answered a request for a token without one")
            }
            return .success(token)
        case 403, 404, 405:
            return .failure(Absence(why: "\(base) is switched off or no IMDSv2 (\(response.head.status))"))
        default:
            throw .failed("\(source) answered \(response.head.status) to a request for a token")
        }
    }

    private func get(_ url: String, _ token: String, _ source: String) throws(CredentialsError) -> [UInt8]? {
        let request = HTTPRequest(url: url, headers: [(name: "X-aws-ec2-metadata-token", value: token)])
        let response: HTTPResponse
        do throws(TransportError) {
            response = try client.send(request)
        } catch {
            throw .failed("\(source): \(error.reason)")
        }
        switch response.head.status {
        case 200: return response.body
        case 404: return nil
        default: throw .failed("\(source) answered \(response.head.status)")
        }
    }

    private func address() throws(CredentialsError) -> String {
        if let given = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"], !given.isEmpty {
            guard given.hasPrefix("http://") || given.hasPrefix("https://") else {
                throw .failed(
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT is '\(oneLine(given))'; give a http:// address"
                )
            }
            return given.hasSuffix("/") ? String(given.dropLast()) : given
        }
        let mode = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"]?.lowercased()
        return mode == "ipv6" ? Self.endpointIPv6 : Self.endpoint
    }

    private static func isRoleByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_+=,.@-".utf8.contains(byte)
        }
    }
}
