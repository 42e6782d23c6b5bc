internal import HTTPTransport

/// One request to the API server, before it has a token.
struct APICall {
    /// The request in words, for errors: "get configmaps a/b".
    let what: String
    let path: String
    var method = "GET"
    var query: [(name: String, value: String)] = []
    var body: JSON?
    var contentType = "application/json"

    init(_ verb: String, _ resource: KubernetesResource, _ namespace: String?, _ name: String?, path: String)
    {
        let place = [namespace, name].compactMap { $0 }.joined(separator: "/")
        what = "\(verb) \(resource.plural)\(place.isEmpty ? "" : " \(place)")"
        self.path = path
    }

    /// The query from its `?`; empty for none.
    var encodedQuery: String {
        let parts = query.map { part in
            var text = PercentCoding.encoded(part.name.utf8)
            text.append(UInt8(ascii: "="))
            PercentCoding.append(part.value.utf8, to: &text)
            return String(decoding: text, as: UTF8.self)
        }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }
}

/// Why one try of a call failed, and whether another one may do better.
struct APIFailure: Error {
    let error: KubernetesError
    var isPassing = false
    var retryAfter: Duration?

    init(_ error: KubernetesError) { self.error = error }

    /// An answer with an error status.
    init(_ head: HTTPResponseHead, body: JSON?, of call: APICall, hiding secret: String) {
        let status = APIStatus(code: head.status, body: body)
        error = status.error(call.what, hiding: secret)
        isPassing = status.isPassing
        let header = head["retry-after"].flatMap { Int($0) }.map { Duration.seconds(min(max($0, 0), 3600)) }
        retryAfter = isPassing ? header ?? status.retryAfter : nil
    }

    /// No whole answer.
    init(_ failure: TransportError, of call: APICall) {
        switch failure {
        case .cannotConnect(let why), .timedOut(let why), .broken(let why):
            error = .unavailable("\(call.what): \(why)")
            isPassing = true
        case .untrusted(let why):
            error = .configuration("\(call.what): \(why); the certificate authority must be the cluster's")
        case .tooLarge(let limit):
            error = .unusable("\(call.what): the answer is larger than \(limit) bytes")
        case .invalid(let why): error = .invalid("\(call.what): \(why)")
        case .stopped: error = .cancelled
        }
    }
}
