internal import HTTPTransport

/// Credentials of a role for a token of another identity provider, such as a Kubernetes service account.
struct WebIdentityProvider: CredentialsProvider {
    let name = "web identity"
    let environment: [String: String]
    /// Whether the environment's own role is looked at; not if a profile was chosen in the settings.
    let usesEnvironment: Bool
    let configuration: SharedConfiguration
    /// The region whose STS is asked; nil for the environment's or the profile's.
    let region: String?
    let client: MetadataServiceClient

    private struct Role {
        let arn: String
        let tokenPath: String
        let sessionName: String
        let origin: String
    }

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        guard let role = try role() else {
            return .absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
        }
        let token = try SmallFile.token(role.tokenPath, namedBy: role.origin)
        let endpoint = try endpoint()
        let form = Self.form([
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role.arn),
            ("RoleSessionName", role.sessionName), ("WebIdentityToken", token),
        ])
        let request = HTTPRequest(
            method: "POST",
            url: endpoint,
            headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")],
            body: Array(form.utf8)
        )
        let response: HTTPResponse
        do throws(TransportError) {
            response = try client.send(request)
        } catch {
            throw .failed("STS at \(endpoint): \(error.text)")
        }
        return .found(try Self.credentials(response, role: role.arn, endpoint: endpoint))
    }

    private func role() throws(CredentialsError) -> Role? {
        if usesEnvironment, let path = value("AWS_WEB_IDENTITY_TOKEN_FILE") {
            guard let arn = value("AWS_ROLE_ARN") else {
                throw .failed(
                    "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not; set both or neither"
                )
            }
            let session = value("AWS_ROLE_SESSION_NAME") ?? "alluxio-fuse"
            return Role(
                arn: arn,
                tokenPath: path,
                sessionName: session,
                origin: "AWS_WEB_IDENTITY_TOKEN_FILE"
            )
        }
        guard let profile = try configuration.profile(), let path = profile["web_identity_token_file"] else {
            return nil
        }
        let place = "profile '\(profile.name)'"
        guard let arn = profile["role_arn"] else {
            throw .failed("\(place) has web_identity_token_file but no role_arn; add it")
        }
        let session = profile["role_session_name"] ?? "alluxio-fuse"
        return Role(arn: arn, tokenPath: path, sessionName: session, origin: place)
    }

    private func endpoint() throws(CredentialsError) -> String {
        let profile = try? configuration.profile()
        if environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.lowercased() != "true" {
            let given =
                value("AWS_ENDPOINT_URL_STS") ?? value("AWS_ENDPOINT_URL") ?? profile?.endpointURL(of: "sts")
            if let given {
                guard given.hasPrefix("http://") || given.hasPrefix("https://") else {
                    throw .failed(
                        "the endpoint of STS is '\(oneLine(given))'; give a http:// or https:// address"
                    )
                }
                return given.hasSuffix("/") ? given : given + "/"
            }
        }
        let region = region ?? value("AWS_REGION") ?? value("AWS_DEFAULT_REGION") ?? profile?.region
        guard let region else { return "https://sts.amazonaws.com/" }
        guard region.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || Self.isAlphanumeric($0) }) else {
            throw .failed("'\(oneLine(region))' is no region; it names the STS to ask")
        }
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        return "https://sts.\(region).\(domain)/"
    }

    private func value(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func credentials(
        _ response: HTTPResponse,
        role: String,
        endpoint: String
    ) throws(CredentialsError) -> Credentials {
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.head.status == 200 else {
            let code = element("Code", of: text) ?? "\(response.head.status)"
            let message = element("Message", of: text).map { ": \(oneLine($0))" } ?? ""
            throw .failed("STS at \(endpoint) refused the role \(oneLine(role)): \(oneLine(code))\(message)")
        }
        guard let id = element("AccessKeyId", of: text), let secret = element("SecretAccessKey", of: text),
            let token = element("SessionToken", of: text),
            let expires = element("Expiration", of: text).flatMap(Timestamp.seconds),
            !id.isEmpty, !secret.isEmpty, !token.isEmpty
        else { throw .failed("STS at \(endpoint) answered without complete credentials") }
        return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token, expires: expires)
    }

    /// The text of the first element of a name.
    private static func element(_ name: String, of document: String) -> String? {
        guard let open = document.firstRange(of: "<\(name)>") else { return nil }
        let rest = document[open.upperBound...]
        return rest.firstRange(of: "</\(name)>").map { String(rest[..<$0.lowerBound]) }
    }

    private static func form(_ fields: [(String, String)]) -> String {
        fields.map { "\($0)=\(encoded($1))" }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            if isAlphanumeric(byte) || "-._~".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
