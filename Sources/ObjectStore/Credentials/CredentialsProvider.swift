/// One place where credentials may be found.
protocol CredentialsProvider: Sendable {
    /// What the place is called in errors and logs.
    var name: String { get }

    /// Looks there now.
    ///
    /// - Returns: Credentials, or why the place has none, in a few words; the chain then asks the next one.
    /// - Throws: ``CredentialsError/failed(_:)`` if the place is set up for credentials but cannot give
    ///   them. The chain stops there: going on would silently act under another identity.
    func fetch() throws(CredentialsError) -> ProviderAnswer
}

/// What a place said.
enum ProviderAnswer: Sendable {
    /// Credentials; `recheck` says after how many seconds to look again although they do not end.
    case found(Credentials, recheck: Int64? = nil)
    /// There are none here, and why.
    case absent(String)
}

extension CredentialsError {
    /// The text, whatever the case.
    public var text: String {
        switch self {
        case .notFound(let text), .failed(let text): text
        }
    }
}
