import HTTPTransport
import Synchronization

@testable import ObjectStore

/// A transport that answers from a closure and remembers what it was asked.
final class ScriptedExchange: HTTPExchanging {
    typealias Answer = @Sendable (HTTPRequest) throws(TransportError) -> HTTPResponse

    private let answer: Answer
    private let asked = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    /// A transport that reaches nobody.
    static func unreachable() -> ScriptedExchange {
        ScriptedExchange { (_) throws(TransportError) in throw .cannotConnect("nobody there") }
    }

    var requests: [HTTPRequest] { asked.withLock { $0 } }

    func send(_ request: HTTPRequest, bodyLimitBytes: Int) throws(TransportError) -> HTTPResponse {
        asked.withLock { $0.append(request) }
        return try answer(request)
    }
}

/// A response with a body of text.
func response(_ status: Int, _ body: String = "") -> HTTPResponse {
    HTTPResponse(head: HTTPResponseHead(status: status, headers: []), body: Array(body.utf8))
}

extension HTTPRequest {
    /// The value of a header field, whatever the case of its name.
    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    var bodyText: String { String(decoding: body ?? [], as: UTF8.self) }
}

extension MetadataServiceClient {
    /// A client that does not wait between attempts.
    static func impatient(_ exchange: ScriptedExchange) -> MetadataServiceClient {
        MetadataServiceClient(transport: exchange, pause: { _ in })
    }
}

/// The error of a call that must fail.
func failureText<Result>(_ body: () throws(CredentialsError) -> Result) -> String {
    do throws(CredentialsError) {
        _ = try body()
        return "no error"
    } catch {
        return error.text
    }
}

extension ProviderAnswer {
    var credentials: Credentials? {
        if case .found(let credentials, _) = self { credentials } else { nil }
    }
}
