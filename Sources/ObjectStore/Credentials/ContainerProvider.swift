internal import HTTPTransport

/// Credentials of a container: from the agent of ECS, or from EKS Pod Identity.
struct ContainerProvider: CredentialsProvider {
    /// Where relative addresses are asked: the agent of ECS.
    static let agent = "http://169.254.170.2"
    /// The hosts that may be asked without TLS, beside 127.0.0.0/8: the agents of ECS and of EKS.
    private static let plainHosts: Set<String> = [
        "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
    ]

    let name = "container credentials"
    let environment: [String: String]
    let client: MetadataServiceClient

    func fetch() throws(CredentialsError) -> ProviderAnswer {
        guard let url = try address() else {
            return .absent("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set")
        }
        var headers = [(name: "Accept", value: "application/json")]
        if let token = try authorization() { headers.append((name: "Authorization", value: token)) }
        let source = "the container's credentials service at \(url)"
        let response: HTTPResponse
        do throws(TransportError) {
            response = try client.send(HTTPRequest(url: url, headers: headers))
        } catch {
            throw .failed("\(source): \(error.reason)")
        }
        guard response.head.status == 200 else {
            let text = CredentialsJSON.errorText(response.body).map { ": \($0)" } ?? ""
            throw .failed("\(source) answered \(response.head.status)\(text)")
        }
        return .found(try CredentialsJSON.service(response.body, from: source))
    }

    private func address() throws(CredentialsError) -> String? {
        if let relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"], !relative.isEmpty {
            guard relative.hasPrefix("/") else {
                throw .failed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'")
            }
            return Self.agent + relative
        }
        guard let full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], !full.isEmpty else { return nil }
        guard Self.isAllowed(full) else {
            throw .failed(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is \(oneLine(full)); it must be https, or http to this "
                    + "machine, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]"
            )
        }
        return full
    }

    /// Whether a token may be sent to an address: over TLS to anyone, else only within the machine.
    static func isAllowed(_ url: String) -> Bool {
        let lowered = url.lowercased()
        if lowered.hasPrefix("https://") { return lowered.utf8.count > 8 }
        guard lowered.hasPrefix("http://") else { return false }
        let authority = lowered.dropFirst(7).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        // `user@host` and backslashes have fooled parsers that stop at the first colon.
        guard !authority.contains(where: { "@\\%".contains($0) || $0.isWhitespace }) else { return false }
        let host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return false }
            host = authority[...end]
        } else {
            host = authority.prefix { $0 != ":" }
        }
        let port = authority[host.endIndex...]
        guard port.isEmpty || (port.hasPrefix(":") && port.dropFirst().allSatisfy(\.isASCIIDigit)) else {
            return false
        }
        return plainHosts.contains(String(host)) || isLoopback(host)
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { $0.allSatisfy(\.isASCIIDigit) && UInt8($0) != nil }
    }

    /// The token is read again every time: EKS replaces the file.
    private func authorization() throws(CredentialsError) -> String? {
        if let path = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], !path.isEmpty {
            return try TokenFile.token(path, namedBy: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        }
        guard let token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"], !token.isEmpty else { return nil }
        guard token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw .failed("AWS_CONTAINER_AUTHORIZATION_TOKEN holds characters that no token has")
        }
        return token
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
