/// What signs a request: an access key, and for temporary ones a session token and an end.
///
/// Descriptions and mirrors of it are masked, so that a log line cannot give a secret away.
public struct Credentials: Hashable, Sendable {
    /// The name of the key.
    public let accessKeyID: String
    /// The secret half of the key.
    public let secretAccessKey: String
    /// What goes with temporary keys; nil for long-lived ones.
    public let sessionToken: String?
    /// When they stop working, in seconds since 1970; nil for never.
    public let expires: Int64?

    /// Collects credentials.
    /// - Parameters:
    ///   - accessKeyID: The name of the key.
    ///   - secretAccessKey: The secret half of the key.
    ///   - sessionToken: What goes with temporary keys; nil for long-lived ones.
    ///   - expires: When they stop working, in seconds since 1970; nil for never.
    public init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        expires: Int64? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expires = expires
    }
}

/// Where the store gets the credentials for a request from.
///
/// Any thread may call it, for every request; usually it answers from memory.
public protocol CredentialsSource: Sendable {
    /// What to sign the next request with.
    /// - Returns: Credentials, or nil for anonymous (unsigned) requests.
    /// - Throws: ``CredentialsError`` if there are none.
    func credentials() throws(CredentialsError) -> Credentials?

    /// Says that the store refused these (say, ExpiredToken), so that the next call gets fresh ones.
    /// - Parameter used: What the refused request was signed with.
    func invalidate(_ used: Credentials)
}

/// Why there are no credentials.
///
/// The text is one line, names the place and the remedy, and holds no secret.
public enum CredentialsError: Error, Hashable, Sendable {
    /// No place that was asked has any; the text lists them.
    case notFound(String)
    /// A place that is set up for credentials could not give them.
    case failed(String)
}
