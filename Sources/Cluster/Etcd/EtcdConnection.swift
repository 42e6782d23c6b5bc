import CoreMetrics
internal import HTTPTransport
import Synchronization

/// The way to the members of one etcd cluster: which of them answers, and the token that they gave.
///
/// Any thread may call it; a call waits on the caller's thread.
final class EtcdConnection: Sendable {
    /// The most bytes of one answer.
    static let answerLimitBytes = 64 << 20
    /// How often one call gets a new token before it gives up.
    private static let renewalsMaximum = 2

    private struct State {
        /// The member that answered last.
        var preferred: Int
        /// Nil until the first call with a login, and after the token was refused.
        var token: String?
    }

    let options: EtcdOptions
    let transport: HTTPTransport
    private let endpoints: [String]
    private let state: Mutex<State>
    private let metrics = EtcdMetrics()

    init(_ options: EtcdOptions) throws(EtcdError) {
        guard !options.endpoints.isEmpty else {
            throw .invalid("no etcd endpoint is given; set alluxio.etcd.endpoints")
        }
        var endpoints: [String] = []
        for text in options.endpoints { endpoints.append(try Self.base(of: text)) }
        self.endpoints = endpoints
        self.options = options
        var settings = HTTPTransportOptions()
        settings.connectTimeout = options.connectTimeout
        settings.totalTimeout = options.operationTimeout
        settings.certificateAuthorityFile = options.certificateAuthorityFile
        settings.clientCertificateFile = options.clientCertificateFile
        settings.clientKeyFile = options.clientKeyFile
        settings.verifiesPeer = options.verifiesPeer
        settings.usesProxies = false
        // A watch is silent for minutes; this finds out within 40 s when a cut left it half open.
        settings.keepAliveIdle = .seconds(10)
        settings.keepAliveInterval = .seconds(3)
        transport = HTTPTransport(options: settings)
        // Clients start at different members, so that these share the watches.
        state = Mutex(State(preferred: Int.random(in: 0..<endpoints.count)))
    }

    /// An endpoint as the beginning of a URL: with a scheme, without a slash at the end.
    private static func base(of text: String) throws(EtcdError) -> String {
        var base = text.contains("://") ? text : "http://\(text)"
        while base.hasSuffix("/") { base.removeLast() }
        let rest = base.drop { $0 != ":" }.dropFirst(3)
        guard base.hasPrefix("http://") || base.hasPrefix("https://"), !rest.isEmpty,
            !rest.contains(where: { $0 == "/" || $0 == "@" || $0 == "?" || $0.isWhitespace })
        else {
            throw .invalid("\(text.debugDescription) in alluxio.etcd.endpoints is not http(s)://host:port")
        }
        return base
    }

    var endpointCount: Int { endpoints.count }

    /// Sends one request to whichever member answers.
    /// - Parameters:
    ///   - path: The path of the gateway, such as `/v3/kv/range`.
    ///   - request: What becomes the body.
    ///   - maximum: How often in all; each member is tried at least once.
    ///   - signal: What ends pauses and requests early.
    /// - Returns: The answer.
    /// - Throws: ``EtcdError``.
    func call<Answer: Decodable>(
        _ path: String,
        _ request: some Encodable,
        tries maximum: Int,
        until signal: StopSignal
    ) throws(EtcdError) -> Answer {
        let body = try EtcdWire.encode(request)
        let backoff = Backoff(first: options.firstBackoff, maximum: options.backoffMaximum)
        var tries = EtcdTries(
            startingAt: state.withLock { $0.preferred },
            of: endpoints.count,
            maximum: maximum,
            backoff: backoff
        )
        var renewals = 0
        while true {
            guard !signal.isRaised else { throw .stopped }
            let failure: EtcdFailure
            do throws(EtcdFailure) {
                let endpoint = tries.endpoint
                let answer: Answer = try attempt(path, body, at: endpoint, until: signal)
                state.withLock { $0.preferred = endpoint }
                return answer
            } catch {
                failure = error
            }
            metrics.count(failure)
            switch failure {
            case .final(let error):
                throw error
            case .tokenRefused(let text):
                renewals += 1
                guard options.login != nil, renewals <= Self.renewalsMaximum else {
                    throw .notPermitted(text)
                }
            case .untrusted(let text) where !tries.hasUntriedMember:
                throw .unreachable("\(text); check the certificate files of etcd")
            case .unavailable(let text), .untrusted(let text):
                switch tries.failed(chance: .random(in: 0...1)) {
                case .ask: break
                case .pause(let time): guard signal.sleep(time) else { throw .stopped }
                case .giveUp: throw .unreachable(text)
                }
            }
        }
    }

    private func attempt<Answer: Decodable>(
        _ path: String,
        _ body: [UInt8],
        at endpoint: Int,
        until signal: StopSignal
    ) throws(EtcdFailure) -> Answer {
        let token = try currentToken(at: endpoint, until: signal)
        do throws(EtcdFailure) {
            return try send(path, body, token: token, at: endpoint, until: signal)
        } catch {
            if case .tokenRefused = error { forget(token) }
            throw error
        }
    }

    private func send<Answer: Decodable>(
        _ path: String,
        _ body: [UInt8],
        token: String?,
        at endpoint: Int,
        until signal: StopSignal
    ) throws(EtcdFailure) -> Answer {
        metrics.requests.increment()
        let request = httpRequest(path, body, token: token, at: endpoint, until: signal)
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.send(request, bodyLimitBytes: Self.answerLimitBytes)
        } catch {
            throw EtcdFailure(error)
        }
        guard response.head.status == 200 else {
            throw EtcdFailure(status: response.head.status, body: response.body)
        }
        do throws(EtcdError) {
            return try EtcdWire.decode(response.body)
        } catch {
            throw .final(error)
        }
    }

    private func httpRequest(
        _ path: String,
        _ body: [UInt8],
        token: String?,
        at endpoint: Int,
        until signal: StopSignal
    ) -> HTTPRequest {
        var headers = [(name: "Content-Type", value: "application/json")]
        if let token { headers.append((name: "Authorization", value: token)) }
        var request = HTTPRequest(
            method: "POST",
            url: endpoints[endpoint] + path,
            headers: headers,
            body: body
        )
        request.cancellation = signal.cancellation
        return request
    }

    /// The token to send, got from a member if there is none yet; nil without a login.
    private func currentToken(at endpoint: Int, until signal: StopSignal) throws(EtcdFailure) -> String? {
        guard let login = options.login else { return nil }
        if let token = state.withLock({ $0.token }) { return token }
        let body: [UInt8]
        do throws(EtcdError) {
            body = try EtcdWire.encode(
                EtcdWire.Authenticate(name: login.username, password: login.password)
            )
        } catch {
            throw .final(error)
        }
        let answer: EtcdWire.AuthenticateAnswer
        do throws(EtcdFailure) {
            answer = try send("/v3/auth/authenticate", body, token: nil, at: endpoint, until: signal)
        } catch {
            // A login where etcd asks for none is no error: it may be switched on at any time.
            if case .final(.refused(_, let text)) = error, text.contains("not enabled") { return nil }
            throw error
        }
        guard let token = answer.token else { throw .final(.malformed("no token in the answer to a login")) }
        state.withLock { $0.token = token }
        return token
    }

    /// Forgets a token that was refused, unless another thread has got a new one by now.
    func forget(_ token: String?) {
        state.withLock { state in
            if state.token == token { state.token = nil }
        }
    }

    /// A long request to the member that answered last.
    /// - Returns: The request, which member it goes to, and the token in it.
    func stream(
        _ path: String,
        _ body: [UInt8],
        lasting time: Duration,
        until signal: StopSignal
    ) throws(EtcdFailure) -> EtcdStream {
        let endpoint = state.withLock { $0.preferred }
        let token = try currentToken(at: endpoint, until: signal)
        var request = httpRequest(path, body, token: token, at: endpoint, until: signal)
        request.totalTimeout = time
        request.stallTimeout = time + .seconds(1)
        // Without this, a member that lost the others would stay silent for ever.
        request.headers.append((name: "Grpc-Metadata-hasleader", value: "true"))
        metrics.requests.increment()
        return EtcdStream(request: request, endpoint: endpoint, token: token)
    }

    /// Asks another member next, unless that was decided already.
    func leave(_ endpoint: Int) {
        state.withLock { state in
            if state.preferred == endpoint { state.preferred = (endpoint + 1) % endpoints.count }
        }
    }
}

/// A long request to one member.
struct EtcdStream {
    var request: HTTPRequest
    var endpoint: Int
    var token: String?
}
