/// A source that always gives the same answer: fixed keys, or none for anonymous requests.
public struct StaticCredentials: CredentialsSource {
    private let fixed: Credentials?

    /// Unsigned requests: for public buckets.
    public static let anonymous = StaticCredentials(nil)

    /// Makes a source.
    /// - Parameter fixed: What every request is signed with; nil for unsigned requests.
    public init(_ fixed: Credentials?) {
        self.fixed = fixed
    }

    /// The fixed answer.
    /// - Returns: What was given at the start.
    public func credentials() throws(CredentialsError) -> Credentials? { fixed }

    /// Does nothing: there are no others.
    /// - Parameter used: Ignored.
    public func invalidate(_ used: Credentials) {}
}
