public import HTTPTransport
internal import Threading

/// Limits of a ``KubernetesClient``.
public struct KubernetesClientOptions: Sendable {
    /// How long one try of a request may take.
    public var tryTimeout: Duration = .seconds(10)
    /// The pause before the second try.
    public var firstPause: Duration = .milliseconds(100)
    /// The longest pause between two tries, unless the server asks for more.
    public var longestPause: Duration = .seconds(5)
    /// The largest answer, and the longest line of a watch, in bytes.
    public var answerMaximumBytes = 16 << 20
    /// The most objects that a list asks for at once.
    public var pageCount = 500
    /// The most objects of a whole list.
    public var listMaximumCount = 50_000
    /// Whether the proxy variables of the environment are honoured.
    public var usesProxies = true

    /// The default limits.
    public init() {}
}

/// Asks the API server of a Kubernetes cluster.
///
/// Any thread may call it; a call waits on the caller's thread, at most until its deadline, so async code
/// calls it through a pool of threads. 429, 5xx and failures of the connection are tried again until the
/// deadline, also of what changes something: then ``KubernetesError/alreadyExists(_:)`` of a create and
/// ``KubernetesError/notFound(_:)`` of a delete may tell of the call's own first try.
public final class KubernetesClient: Sendable {
    /// The namespace of who asks.
    public let namespace: String
    let options: KubernetesClientOptions
    private let server: String
    private let tokens: TokenSource
    private let transport: HTTPTransport

    /// Makes a client; asks nothing yet.
    /// - Parameters:
    ///   - access: Where the server is and who asks.
    ///   - options: Limits.
    public init(_ access: ServerAccess, options: KubernetesClientOptions = KubernetesClientOptions()) {
        namespace = access.namespace
        self.options = options
        server = access.server
        tokens = TokenSource(access.identity)
        transport = HTTPTransport(options: Self.transportOptions(access, options))
    }

    /// Reads one object.
    /// - Parameters:
    ///   - resource: Its kind.
    ///   - name: Its name.
    ///   - namespace: Its namespace; nil for kinds that are in none.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    /// - Returns: The object.
    /// - Throws: ``KubernetesError``.
    public func get(
        _ resource: KubernetesResource,
        _ name: String,
        in namespace: String?,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil
    ) throws(KubernetesError) -> JSON {
        let path = try resource.path(name, in: namespace)
        let call = APICall("get", resource, namespace, name, path: path)
        return try answer(call, by: deadline, cancellation)
    }

    /// Makes an object.
    /// - Parameters:
    ///   - object: The object, with its name.
    ///   - resource: Its kind.
    ///   - namespace: Its namespace; nil for kinds that are in none.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    /// - Returns: The object as it was made.
    /// - Throws: ``KubernetesError``.
    public func create(
        _ object: JSON,
        _ resource: KubernetesResource,
        in namespace: String?,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil
    ) throws(KubernetesError) -> JSON {
        let name = ObjectMetadata(of: object).name
        guard KubernetesNames.isSubdomain(name) else {
            throw .invalid("create \(resource.plural): \(name.debugDescription) is no name for one")
        }
        var call = APICall("create", resource, namespace, name, path: try resource.path(nil, in: namespace))
        call.method = "POST"
        call.body = object
        return try answer(call, by: deadline, cancellation)
    }

    /// Deletes an object, or begins to.
    /// - Parameters:
    ///   - resource: Its kind.
    ///   - name: Its name.
    ///   - namespace: Its namespace; nil for kinds that are in none.
    ///   - uid: Its uid, so that no later one of the name is deleted; nil for whichever is there.
    ///   - gracePeriod: How long it may take to end by itself, in whole seconds; nil for its own period.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    /// - Throws: ``KubernetesError``; ``KubernetesError/conflict(_:)`` if it has another uid.
    public func delete(
        _ resource: KubernetesResource,
        _ name: String,
        in namespace: String?,
        uid: String? = nil,
        gracePeriod: Duration? = nil,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil
    ) throws(KubernetesError) {
        var options: JSON = ["apiVersion": "v1", "kind": "DeleteOptions"]
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        if let seconds = gracePeriod?.components.seconds {
            options["gracePeriodSeconds"] = .number("\(max(seconds, 0))")
        }
        var call = APICall("delete", resource, namespace, name, path: try resource.path(name, in: namespace))
        call.method = "DELETE"
        call.body = options
        _ = try answer(call, by: deadline, cancellation)
    }

    /// Changes the status of an object.
    /// - Parameters:
    ///   - status: What is to be different in its `status`, as a merge patch: null removes a member.
    ///   - resource: Its kind.
    ///   - name: Its name.
    ///   - namespace: Its namespace; nil for kinds that are in none.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    /// - Returns: The object as it is then.
    /// - Throws: ``KubernetesError``.
    public func patchStatus(
        _ status: JSON,
        _ resource: KubernetesResource,
        _ name: String,
        in namespace: String?,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil
    ) throws(KubernetesError) -> JSON {
        let path = try resource.path(name, in: namespace, part: "status")
        var call = APICall("patch the status of", resource, namespace, name, path: path)
        call.method = "PATCH"
        call.body = ["status": status]
        call.contentType = "application/merge-patch+json"
        return try answer(call, by: deadline, cancellation)
    }

    /// Sends a call until it is answered, cannot be, or its deadline passes.
    func answer(
        _ call: APICall,
        by deadline: ContinuousClock.Instant,
        _ cancellation: HTTPCancellation?
    ) throws(KubernetesError) -> JSON {
        var pauses = RetryPauses(first: options.firstPause, longest: options.longestPause)
        while true {
            let failure: APIFailure
            do throws(APIFailure) {
                return try sendOnce(call, by: deadline, cancellation)
            } catch {
                failure = error
            }
            let left = ContinuousClock.now.duration(to: deadline)
            guard failure.isPassing,
                let pause = pauses.pause(asked: failure.retryAfter, left: left, spread: .random(in: 0...1))
            else { throw failure.error }
            try Self.sleep(pause, cancellation)
        }
    }

    private func sendOnce(
        _ call: APICall,
        by deadline: ContinuousClock.Instant,
        _ cancellation: HTTPCancellation?
    ) throws(APIFailure) -> JSON {
        let left = ContinuousClock.now.duration(to: deadline)
        let (request, token) = try prepare(call, timeout: min(options.tryTimeout, left), cancellation)
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.send(request, bodyLimitBytes: options.answerMaximumBytes)
        } catch {
            throw APIFailure(error, of: call)
        }
        let body = Result { () throws(JSONError) in try JSON(reading: response.body) }
        guard response.head.status / 100 == 2 else {
            throw APIFailure(response.head, body: try? body.get(), of: call, hiding: token)
        }
        do throws(JSONError) {
            return try body.get()
        } catch {
            throw APIFailure(.unusable("\(call.what): the API server's answer is \(error)"))
        }
    }

    /// A call as it goes on the wire, and the token in it, empty for none.
    func prepare(
        _ call: APICall,
        timeout: Duration,
        _ cancellation: HTTPCancellation?
    ) throws(APIFailure) -> (request: HTTPRequest, token: String) {
        guard cancellation?.isCancelled != true else { throw APIFailure(.cancelled) }
        guard timeout > .zero else {
            throw APIFailure(.unavailable("\(call.what): the time for it is over"))
        }
        let token: String?
        do throws(KubernetesError) { token = try tokens.token() } catch { throw APIFailure(error) }
        var request = HTTPRequest(method: call.method, url: server + call.path + call.encodedQuery)
        request.headers = [("Accept", "application/json")]
        if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
        if let body = call.body {
            request.headers.append(("Content-Type", call.contentType))
            request.body = body.bytes
        }
        request.totalTimeout = timeout
        request.stallTimeout = timeout
        request.cancellation = cancellation
        return (request, token ?? "")
    }

    /// Streams the answer to a call; see ``HTTPTransport/stream(_:onHead:onBody:)``.
    func stream(
        _ request: HTTPRequest,
        onHead: (HTTPResponseHead) -> Bool,
        onBody: (UnsafeRawBufferPointer) -> Bool
    ) throws(TransportError) -> HTTPResponse {
        try transport.stream(request, onHead: onHead, onBody: onBody)
    }

    /// Sleeps, but not long after a cancellation.
    static func sleep(_ pause: Duration, _ cancellation: HTTPCancellation?) throws(KubernetesError) {
        let end = ContinuousClock.now + pause
        while case let left = ContinuousClock.now.duration(to: end), left > .zero {
            if cancellation?.isCancelled == true { throw .cancelled }
            sleepThread(for: min(left, .milliseconds(50)))
        }
    }

    private static func transportOptions(
        _ access: ServerAccess,
        _ options: KubernetesClientOptions
    ) -> HTTPTransportOptions {
        var transport = HTTPTransportOptions()
        transport.usesProxies = options.usesProxies
        transport.userAgent = "alluxio-csi"
        transport.idleConnectionsMaximum = 8
        // A watch is silent for minutes, and must find out that a server is gone without a word.
        transport.keepAliveIdle = .seconds(15)
        transport.keepAliveInterval = .seconds(5)
        switch access.trust {
        case .system: break
        case .unchecked: transport.verifiesPeer = false
        case .authorities(.text(let text)): transport.certificateAuthorityText = text
        case .authorities(.file(let path)): transport.certificateAuthorityFile = path
        }
        if case .certificate(let certificate, let key) = access.identity {
            switch certificate {
            case .text(let text): transport.clientCertificateText = text
            case .file(let path): transport.clientCertificateFile = path
            }
            switch key {
            case .text(let text): transport.clientKeyText = text
            case .file(let path): transport.clientKeyFile = path
            }
        }
        return transport
    }
}
