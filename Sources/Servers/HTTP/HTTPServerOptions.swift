/// Limits and deadlines of an HTTP server.
public struct HTTPServerOptions: Sendable {
    /// The address to listen at: a host name or an IP address.
    public var host = "0.0.0.0"
    /// The port; 0 takes a free one.
    public var port = 0
    /// The most connections served at a time; further ones get a 503.
    public var connectionsMaximum = 2048
    /// The most bytes of header fields of one request.
    public var headerBytesMaximum = 64 << 10
    /// The most bytes of request bodies held at a time, of all connections together.
    public var bodyBytesMaximum = 64 << 20
    /// How long a connection may be without a request.
    public var idleTimeout = Duration.seconds(75)
    /// How long a peer may take no byte of an answer, or send no byte of a body it has announced.
    public var stallTimeout = Duration.seconds(30)
    /// How long an answer, or the next part of it, may be in the making; a bit more than a store's deadline.
    public var answerTimeout = Duration.seconds(90)
    /// The most bytes given to a connection at once, while earlier ones are on their way.
    public var stepBytes = 1 << 20
    /// The same where the bytes lie in memory and are copied.
    public var copiedStepBytes = 256 << 10

    /// Options with their defaults.
    public init() {}
}

/// Why a server does not start.
public enum ServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The address cannot be listened at: which, and what the system says.
    case cannotListen(address: String, reason: String)
    /// An option is out of its range; the text says which.
    case badOption(String)

    /// One line that names thing and remedy.
    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen at \(address): \(reason); choose a free port and an address of this host"
        case .badOption(let text): text
        }
    }
}
