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
        let token = try TokenFile.token(role.tokenPath, namedBy: role.origin)
        let endpoint = try endpoint()
        let form = Self.form([
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role.arn),
            ("RoleSessionName", role.sessionName), ("WebIdentityToken", token),
        ])
        let request = HTTPRequest(
            method: "POST",
            url: endpoint,
            headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")],
            body: form
        )
        let response: HTTPResponse
        do throws(TransportError) {
            response = try client.send(request)
        } catch {
            throw .failed("STS at \(endpoint): \(error.reason)")
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
        guard region.utf8.allSatisfy(Self.isRegionByte) else {
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
        let answer = STSAnswer(response.body)
        guard response.head.status == 200 else {
            let code = answer["Code"] ?? "\(response.head.status)"
            let message = answer["Message"].map { ": \(oneLine($0))" } ?? ""
            throw .failed("STS at \(endpoint) refused the role \(oneLine(role)): \(oneLine(code))\(message)")
        }
        guard let id = answer["AccessKeyId"], let secret = answer["SecretAccessKey"],
            let token = answer["SessionToken"], let expires = answer["Expiration"].flatMap(Timestamp.seconds)
        else { throw .failed("STS at \(endpoint) answered without complete credentials") }
        return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token, expires: expires)
    }

    private static func form(_ fields: [(String, String)]) -> [UInt8] {
        var form: [UInt8] = []
        for (name, value) in fields {
            if !form.isEmpty { form.append(UInt8(ascii: "&")) }
            form += Array("\(name)=".utf8)
            PercentCoding.append(value.utf8, to: &form)
        }
        return form
    }

    private static func isRegionByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
