/// Where requests for a bucket go, and for which region they are signed.
struct S3Endpoint: Hashable, Sendable {
    /// The region to begin with when none is known.
    static let defaultRegion = "us-east-1"

    let region: String
    /// `http` or `https`.
    let scheme: String
    /// Host, and port unless it is the scheme's own: what the `Host` field will be.
    let authority: String
    /// What comes before the key in the path: empty or `/bucket`, percent-encoded, no slash at its end.
    let basePath: [UInt8]
    /// Whether it is a service of Amazon's own.
    let isAmazon: Bool
    private let options: S3Options

    static func == (one: S3Endpoint, other: S3Endpoint) -> Bool {
        one.region == other.region && one.scheme == other.scheme && one.authority == other.authority
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(region)
        hasher.combine(authority)
    }

    /// The endpoint that the settings name.
    init(_ options: S3Options) throws(S3OptionsError) {
        let region = options.region ?? Self.region(inHost: options.endpoint ?? "") ?? Self.defaultRegion
        try self.init(options, region: region, service: options.endpoint)
    }

    private init(_ options: S3Options, region: String, service: String?) throws(S3OptionsError) {
        guard !region.isEmpty, region.utf8.allSatisfy(S3Options.isBucketByte) else {
            throw S3OptionsError(description: "the region \(region.debugDescription) is no region's name")
        }
        let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        let url = service ?? "https://s3.\(region).\(suffix)"
        let parts = try Self.parts(of: url)
        let inPath = options.usesPathStyle ?? (options.endpoint != nil || options.bucket.contains("."))
        self.options = options
        self.region = region
        scheme = parts.scheme
        isAmazon = parts.host.hasSuffix(".amazonaws.com") || parts.host.hasSuffix(".amazonaws.com.cn")
        authority = (inPath ? "" : "\(options.bucket).") + parts.host + (parts.port.map { ":\($0)" } ?? "")
        var base = Array(parts.path.utf8)
        if inPath {
            base.append(UInt8(ascii: "/"))
            base.append(contentsOf: options.bucket.utf8)
        }
        basePath = base
    }

    private struct Parts {
        var scheme: String
        var host: String
        var port: Int?
        var path: String
    }

    private static func parts(of url: String) throws(S3OptionsError) -> Parts {
        let refusal = S3OptionsError(
            description: "the endpoint \(url) is no URL of the form http://host[:port] or https://host[:port]"
        )
        var rest = url[...]
        var scheme = "https"
        if let mark = rest.firstRange(of: "://") {
            scheme = rest[..<mark.lowerBound].lowercased()
            rest = rest[mark.upperBound...]
        }
        guard scheme == "http" || scheme == "https" else { throw refusal }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        let authority = rest[..<slash]
        var host = String(authority)
        var port: Int?
        // The colon of a port comes after the bracket of an IPv6 address.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65535).contains(number)
            else {
                throw refusal
            }
            host = String(authority[..<colon])
            port = number == (scheme == "https" ? 443 : 80) ? nil : number
        }
        guard !host.isEmpty,
            (host + path).utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#@%\"\\".utf8.contains($0) })
        else { throw refusal }
        return Parts(scheme: scheme, host: host, port: port, path: path)
    }

    /// Where to go after a redirect.
    ///
    /// Of the endpoint that an answer names only the region is used, since the endpoint's host for a region
    /// is known; with an endpoint of the user's the host stays, because credentials go nowhere else than
    /// where the user said.
    /// - Parameter answer: What the server said.
    /// - Returns: The new endpoint, or nil if the answer names none or the one in use.
    func relocated(by answer: S3Answer) -> S3Endpoint? {
        let named = answer.region ?? answer.endpoint.flatMap { Self.region(inHost: $0) }
        guard let named, named != region else { return nil }
        let service = options.endpoint != nil && !isAmazon ? options.endpoint : nil
        do { return try S3Endpoint(options, region: named, service: service) } catch { return nil }
    }

    /// The region in one of Amazon's host names: `s3.eu-west-1.amazonaws.com`, `b.s3-us-
    /// west-2.amazonaws.com`.
    static func region(inHost text: String) -> String? {
        guard let end = text.firstRange(of: ".amazonaws.com") else { return nil }
        let labels = text[..<end.lowerBound].split(whereSeparator: { $0 == "." || $0 == "/" })
        guard let last = labels.last else { return nil }
        if last.hasPrefix("s3-") { return String(last.dropFirst(3)) }
        guard labels.count >= 2, ["s3", "dualstack", "s3-fips"].contains(labels[labels.count - 2]) else {
            return nil
        }
        return last.hasPrefix("s3") ? nil : String(last)
    }
}
