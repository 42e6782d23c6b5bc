/// Where an API server is, why it is believed, and who asks.
///
/// Prints without secrets. A value; made by ``inCluster(environment:folder:)`` or ``kubeconfig(_:context:)``.
public struct ServerAccess: Sendable, CustomStringConvertible, CustomReflectable {
    /// PEM text, or where it is.
    public enum PEM: Hashable, Sendable {
        /// The text.
        case text([UInt8])
        /// A file with it.
        case file(String)
    }

    /// Why the server is believed to be the one.
    public enum Trust: Hashable, Sendable {
        /// An authority of the system's vouches for it.
        case system
        /// One of these authorities vouches for it.
        case authorities(PEM)
        /// It is believed anything: for tests on a machine of one's own.
        case unchecked
    }

    /// Who asks.
    public enum Identity: Hashable, Sendable {
        /// Nobody in particular.
        case anonymous
        /// Who holds a token.
        case token(String)
        /// Who holds the token in a file, which is read again whenever the file changes.
        case tokenFile(String)
        /// Who holds a certificate and its key.
        case certificate(PEM, key: PEM)
    }

    /// The server's URL without a `/` at the end; may have a path.
    public var server: String
    /// Why it is believed.
    public var trust: Trust
    /// Who asks.
    public var identity: Identity
    /// The namespace of who asks.
    public var namespace: String

    /// Describes a server.
    /// - Parameters:
    ///   - server: Its URL, `https://` or, without TLS, `http://`.
    ///   - trust: Why it is believed.
    ///   - identity: Who asks.
    ///   - namespace: The namespace of who asks.
    /// - Throws: ``KubernetesError/configuration(_:)`` if the URL is none, or if a secret would go over a
    ///   connection without TLS.
    public init(
        server: String,
        trust: Trust,
        identity: Identity,
        namespace: String = "default"
    ) throws(KubernetesError) {
        let isPlain = server.hasPrefix("http://")
        guard isPlain || server.hasPrefix("https://"), server.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            !server.contains("?"), !server.contains("#"), !server.contains("@")
        else { throw .configuration("the server \(server.debugDescription) is no https:// URL") }
        if isPlain, identity != .anonymous {
            throw .configuration("the server \(server) has no TLS, and no token must go there: use https://")
        }
        guard KubernetesNames.isLabel(namespace) else {
            throw .configuration("\(namespace.debugDescription) is no name of a namespace")
        }
        var trimmed = server[...]
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        self.server = String(trimmed)
        self.trust = trust
        self.identity = identity
        self.namespace = namespace
    }

    /// The server and how it is asked, without secrets.
    public var description: String {
        let who =
            switch identity {
            case .anonymous: "anonymously"
            case .token: "with a token"
            case .tokenFile(let path): "with the token in \(path)"
            case .certificate: "with a certificate"
            }
        return "\(server) \(who), namespace \(namespace)"
    }

    /// Nothing: dumps and test failures print what is here.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
