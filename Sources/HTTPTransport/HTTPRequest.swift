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
    /// How long the transfer may go without a byte; nil means the transport's default.
    public var stallTimeout: Duration?
    /// What lets another thread end the exchange early; nil for none.
    public var cancellation: HTTPCancellation?
    /// How long the first byte of the answer may take, connecting included; nil means no such limit.
    ///
    /// Only a transport whose options say ``HTTPTransportOptions/isPrecise`` looks at it.
    public var firstByteTimeout: Duration?

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
