/// Settings of an ``HTTPTransport``; each has the default that `docs/configuration.md` documents.
public struct HTTPTransportOptions: Sendable {
    /// How long a connection may take to be made, TLS included.
    public var connectTimeout: Duration = .seconds(3)
    /// How long a transfer may go without a byte.
    public var stallTimeout: Duration = .seconds(10)
    /// How long one exchange may take in all, unless the request says otherwise.
    public var totalTimeout: Duration = .seconds(60)
    /// The most connections kept open and idle.
    public var idleConnectionsMaximum = 64
    /// A PEM file of certificate authorities to trust instead of the system's; nil for the system's.
    public var certificateAuthorityFile: String?
    /// Whether server certificates are checked.
    public var verifiesPeer = true
    /// The `User-Agent` that is sent.
    public var userAgent = "alluxio-fuse"

    /// The default settings.
    public init() {}
}

/// Sends HTTP requests over pooled, warm connections. Knows nothing of what they carry.
///
/// Any thread may call it; an exchange runs and waits on the caller's thread.
public final class HTTPTransport: Sendable {
    private let options: HTTPTransportOptions

    /// Makes a transport with an empty pool.
    /// - Parameter options: Timeouts, limits and trust.
    public init(options: HTTPTransportOptions = HTTPTransportOptions()) {
        self.options = options
    }

    /// Sends a request and streams the response.
    ///
    /// Redirects are not followed. Proxy environment variables are honoured.
    /// - Parameters:
    ///   - request: What to send.
    ///   - onHead: Called once, when the final head has come. Returns whether `onBody` is to get the body; if
    ///     `false`, up to 64 KiB of the body are collected and returned instead (an error document).
    ///   - onBody: Takes the body as it comes; returns `false` to stop.
    /// - Returns: The head, and the collected body if `onHead` returned `false`, else an empty one.
    /// - Throws: ``TransportError``; ``TransportError/broken(_:)`` if the body is shorter than announced.
    public func stream(
        _ request: HTTPRequest,
        onHead: (HTTPResponseHead) -> Bool,
        onBody: (UnsafeRawBufferPointer) -> Bool
    ) throws(TransportError) -> HTTPResponse {
        preconditionFailure("to be written")
    }

    /// Sends a request and returns the whole response.
    /// - Parameters:
    ///   - request: What to send.
    ///   - bodyLimitBytes: The largest body accepted.
    /// - Returns: The response, whatever its status.
    /// - Throws: ``TransportError``.
    public func send(
        _ request: HTTPRequest,
        bodyLimitBytes: Int = 16 << 20
    ) throws(TransportError) -> HTTPResponse {
        preconditionFailure("to be written")
    }
}
