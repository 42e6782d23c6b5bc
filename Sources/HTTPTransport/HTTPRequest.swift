/// One HTTP request, as it goes on the wire.
public struct HTTPRequest: Sendable {
    /// The method, upper case.
    public var method: String
    /// The absolute URL, already percent-encoded; sent exactly as given.
    public var url: String
    /// Header fields in order; names as they are to be sent.
    public var headers: [(name: String, value: String)]
    /// The body, or nil for none.
    public var body: [UInt8]?
    /// How long the whole exchange may take; nil means the transport's default.
    public var totalTimeout: Duration?

    /// Describes a request.
    /// - Parameters:
    ///   - method: The method, upper case.
    ///   - url: The absolute URL, already percent-encoded.
    ///   - headers: Header fields in order.
    ///   - body: The body, or nil for none.
    ///   - totalTimeout: How long the whole exchange may take; nil means the transport's default.
    public init(
        method: String = "GET",
        url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        totalTimeout: Duration? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.totalTimeout = totalTimeout
    }
}

/// Status line and header fields of a response.
public struct HTTPResponseHead: Sendable {
    /// The status code, 200 to 599.
    public var status: Int
    /// Header fields in the order they came, names in lower case.
    public var headers: [(name: String, value: String)]

    /// Collects a response's head.
    /// - Parameters:
    ///   - status: The status code.
    ///   - headers: Header fields in order, names in lower case.
    public init(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        self.headers = headers
    }

    /// The first value of a header field.
    /// - Parameter name: The field's name in lower case.
    /// - Returns: Its value without surrounding blanks, or nil.
    public subscript(name: String) -> String? {
        headers.first { $0.name == name }?.value
    }
}

/// A whole response held in memory.
public struct HTTPResponse: Sendable {
    /// Status line and header fields.
    public var head: HTTPResponseHead
    /// The body.
    public var body: [UInt8]

    /// Collects a response.
    /// - Parameters:
    ///   - head: Status line and header fields.
    ///   - body: The body.
    public init(head: HTTPResponseHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}

/// Why an exchange gave no complete response. A response with an error status is not a `TransportError`.
public enum TransportError: Error, Hashable, Sendable {
    /// Name resolution, connection or TLS handshake failed; the text says which, with the host.
    case cannotConnect(String)
    /// The server's certificate was refused; trying again does not help.
    case untrusted(String)
    /// A deadline passed: connect, stall or total.
    case timedOut(String)
    /// The connection broke, or the body ended before its announced length.
    case broken(String)
    /// The body is larger than the caller's limit.
    case tooLarge(limitBytes: Int)
    /// The URL or an option is not usable; trying again does not help.
    case invalid(String)
    /// The caller's body closure asked to stop.
    case stopped
}
