import CCurl
import CCurlShim
import CoreMetrics
import Synchronization

/// Settings of an ``HTTPTransport``; each has the default that `docs/configuration.md` documents.
public struct HTTPTransportOptions: Sendable {
    /// How long a connection may take to be made, TLS included.
    public var connectTimeout: Duration = .seconds(3)
    /// How long a transfer may go without a byte; checked once a second, or as ``isPrecise`` says.
    public var stallTimeout: Duration = .seconds(10)
    /// Whether deadlines are kept to the millisecond instead of the second.
    ///
    /// For limits of about a second and less. Requests may then have a ``HTTPRequest/firstByteTimeout``.
    public var isPrecise = false
    /// How long one exchange may take in all, unless the request says otherwise.
    public var totalTimeout: Duration = .seconds(60)
    /// The most connections kept open and idle.
    public var idleConnectionsMaximum = 64
    /// A PEM file of certificate authorities to trust instead of the system's; nil for the system's.
    public var certificateAuthorityFile: String?
    /// The same as PEM text, which goes before ``certificateAuthorityFile``; nil for none.
    public var certificateAuthorityText: [UInt8]?
    /// A PEM file with the certificate that this side shows to TLS servers; nil for none.
    public var clientCertificateFile: String?
    /// A PEM file with the unencrypted key of ``clientCertificateFile``; nil if that file holds it too.
    public var clientKeyFile: String?
    /// The certificate that this side shows as PEM text, which goes before ``clientCertificateFile``; nil for
    /// none.
    public var clientCertificateText: [UInt8]?
    /// The unencrypted key of the certificate that this side shows as PEM text, which goes before
    /// ``clientKeyFile``; nil for none.
    public var clientKeyText: [UInt8]?
    /// How long a connection is silent before the kernel asks whether the peer is there, in whole seconds;
    /// nil for the system's usual 60 s.
    public var keepAliveIdle: Duration?
    /// The time between two such questions, in whole seconds; the kernel asks nine times.
    public var keepAliveInterval: Duration = .seconds(60)
    /// Whether server certificates are checked.
    public var verifiesPeer = true
    /// Whether the proxy variables of the environment are honoured; not for services of the machine itself.
    public var usesProxies = true
    /// The `User-Agent` that is sent.
    public var userAgent = "alluxio-fuse"

    /// The default settings.
    public init() {}
}

/// Sends HTTP requests over pooled, warm connections.
///
/// Knows nothing of what they carry.
///
/// Any thread may call it; an exchange runs and waits on the caller's thread. As many connections are in use
/// as threads are calling; ``HTTPTransportOptions/idleConnectionsMaximum`` of them stay open afterwards.
public final class HTTPTransport: Sendable {
    private static let globalInit: CURLcode = alluxio_curl_global_init()

    private let options: HTTPTransportOptions
    private let pool: HandlePool
    private let trust: Mutex<TrustStore?>
    private let metrics = TransportMetrics()

    /// Makes a transport with an empty pool.
    /// - Parameter options: Timeouts, limits and trust.
    public init(options: HTTPTransportOptions = HTTPTransportOptions()) {
        self.options = options
        pool = HandlePool(maximum: max(options.idleConnectionsMaximum, 0))
        trust = Mutex(nil)
        precondition(Self.globalInit == CURLE_OK, "libcurl can be initialised")
    }

    /// Sends a request and streams the response.
    ///
    /// Redirects are not followed. Proxy environment variables are honoured by default. When a connection
    /// that had been idle turns out to be closed before a byte of the response came, the request is sent
    /// once more on a new one.
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
        let start = ContinuousClock.now
        metrics.requests.increment()
        do throws(TransportError) {
            let response = try exchange(request, onHead: onHead, onBody: onBody)
            metrics.duration.recordNanoseconds(start.duration(to: .now).nanoseconds)
            return response
        } catch {
            metrics.count(error)
            throw error
        }
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
        var body: [UInt8] = []
        var isTooLarge = false
        do throws(TransportError) {
            let response = try stream(request) { head in
                if let length = head["content-length"].flatMap({ Int($0) }), request.method != "HEAD" {
                    body.reserveCapacity(min(max(length, 0), bodyLimitBytes))
                }
                return true
            } onBody: { bytes in
                isTooLarge = body.count + bytes.count > bodyLimitBytes
                if !isTooLarge { body.append(contentsOf: bytes) }
                return !isTooLarge
            }
            var whole = HTTPResponse(head: response.head, body: body)
            whole.wasRepeated = response.wasRepeated
            return whole
        } catch {
            guard isTooLarge else { throw error }
            metrics.count(.tooLarge(limitBytes: bodyLimitBytes))
            throw .tooLarge(limitBytes: bodyLimitBytes)
        }
    }

    /// Closes connections that nobody has used for a while.
    /// - Parameter age: How long a connection must have been idle; `.zero` closes all idle ones.
    /// - Returns: How many were closed.
    @discardableResult
    public func closeConnections(idleFor age: Duration) -> Int {
        pool.close(idleFor: age)
    }

    private func exchange(
        _ request: HTTPRequest,
        onHead: (HTTPResponseHead) -> Bool,
        onBody: (UnsafeRawBufferPointer) -> Bool
    ) throws(TransportError) -> HTTPResponse {
        let authority = try Self.authority(of: request)
        let handle: CurlHandle
        if let warm = pool.take(for: authority) {
            handle = warm
        } else {
            handle = try freshHandle(for: authority)
        }
        defer { pool.put(handle, for: authority) }
        let timeout = (request.totalTimeout ?? options.totalTimeout).milliseconds
        // The closures do not outlive this call; libcurl has no other way to them than a stored copy.
        let (outcome, exchange) = withoutActuallyEscaping(onHead) { onHead in
            withoutActuallyEscaping(onBody) { onBody in
                var exchange = Exchange(watch: handle.watch, onHead: onHead, onBody: onBody)
                let outcome = run(request, on: handle, timeoutMilliseconds: timeout, &exchange)
                return (outcome, exchange.result)
            }
        }
        metrics.receivedBytes.increment(by: exchange.receivedBytes)
        if outcome.openedConnections > 0 {
            metrics.openedConnections.increment(by: outcome.openedConnections)
        }
        if exchange.sentBytes > 0 { metrics.sentBytes.increment(by: exchange.sentBytes) }
        return try response(outcome, exchange, handle, authority)
    }

    private func run(
        _ request: HTTPRequest,
        on handle: CurlHandle,
        timeoutMilliseconds: Int,
        _ exchange: inout Exchange
    ) -> CurlHandle.Outcome {
        let first = handle.perform(
            request,
            timeoutMilliseconds: timeoutMilliseconds,
            freshConnection: false,
            exchange: &exchange
        )
        guard Self.isStaleConnection(first, exchange.result) else { return first }
        metrics.repeatedRequests.increment()
        exchange.result.wasRepeated = true
        return handle.perform(
            request,
            timeoutMilliseconds: timeoutMilliseconds,
            freshConnection: true,
            exchange: &exchange
        )
    }

    private static func isStaleConnection(_ outcome: CurlHandle.Outcome, _ exchange: Exchange.Result) -> Bool
    {
        guard outcome.openedConnections == 0, !exchange.sawResponse, outcome.isConnected else { return false }
        return [CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR].contains(outcome.code)
    }

    private func response(
        _ outcome: CurlHandle.Outcome,
        _ exchange: Exchange.Result,
        _ handle: CurlHandle,
        _ authority: [UInt8]
    ) throws(TransportError) -> HTTPResponse {
        let isWhole = outcome.code == CURLE_OK || exchange.wasCut
        guard isWhole, exchange.headIsComplete else {
            throw error(outcome, exchange, handle, String(decoding: authority, as: UTF8.self))
        }
        let head = HTTPResponseHead(status: exchange.status, lines: exchange.lines)
        var response = HTTPResponse(head: head, body: exchange.collected)
        response.wasRepeated = exchange.wasRepeated
        return response
    }

    private func error(
        _ outcome: CurlHandle.Outcome,
        _ exchange: Exchange.Result,
        _ handle: CurlHandle,
        _ host: String
    ) -> TransportError {
        if exchange.wasStopped || outcome.wasCancelled { return .stopped }
        if outcome.hasStalled {
            let text = outcome.missedFirstByte ? "answer in time" : "byte for \(options.stallTimeout)"
            return .timedOut("\(host): no \(text)")
        }
        let text = "\(host): \(handle.text(of: outcome.code))"
        switch outcome.code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT,
            CURLE_SSL_CONNECT_ERROR, CURLE_PROXY:
            return .cannotConnect(text)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_INVALIDCERTSTATUS:
            return .untrusted(text)
        case CURLE_OPERATION_TIMEDOUT:
            return .timedOut(text)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_UNKNOWN_OPTION:
            return .invalid(text)
        case CURLE_OK:
            return .broken("\(host): the response has no head")
        case CURLE_WRITE_ERROR where !exchange.headIsComplete:
            return .broken("\(host): the header fields are longer than \(Exchange.headMaximumBytes) bytes")
        default:
            return .broken(text)
        }
    }

    private func freshHandle(for authority: [UInt8]) throws(TransportError) -> CurlHandle {
        let isTLS = authority.starts(with: "https:".utf8)
        let trust: TrustStore? = isTLS && options.verifiesPeer ? try sharedTrust() : nil
        guard let handle = CurlHandle(options: options, trust: trust) else {
            throw .broken("libcurl gave no handle: out of memory")
        }
        return handle
    }

    private func sharedTrust() throws(TransportError) -> TrustStore {
        let (text, file) = (options.certificateAuthorityText, options.certificateAuthorityFile)
        let store: TrustStore? = trust.withLock { trust in
            if trust == nil { trust = text.map { TrustStore(text: $0) } ?? TrustStore(file: file) }
            return trust
        }
        guard let store else {
            let place = text != nil ? "the PEM text that was given" : file ?? "the system's directory"
            throw .untrusted("no certificate authority can be read from \(place)")
        }
        return store
    }

    /// Scheme, host and port of a URL, which name a connection; checks what would break the request's
    /// framing.
    private static func authority(of request: HTTPRequest) throws(TransportError) -> [UInt8] {
        let url = request.url.utf8
        var slashes = 0
        var authority: [UInt8] = []
        authority.reserveCapacity(64)
        for byte in url {
            if byte <= 0x20 || byte == 0x7F { throw .invalid("the URL has a blank or control character") }
            if byte == UInt8(ascii: "/") { slashes += 1 }
            if slashes < 3 { authority.append(byte) }
        }
        guard slashes >= 2 else { throw .invalid("\(request.url) is no absolute URL") }
        for (name, value) in request.headers where hasControl(name) || hasControl(value) {
            throw .invalid("header field \(name.debugDescription) has a control character")
        }
        return authority
    }

    private static func hasControl(_ text: String) -> Bool {
        text.utf8.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }
    }
}
