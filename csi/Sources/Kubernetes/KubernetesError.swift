/// Why the API server did not do what it was asked.
///
/// The texts name the object and what may help; they never hold a token, a key or the data of a Secret.
public enum KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such object (404).
    case notFound(String)
    /// There is an object of this name already (409); perhaps made by a try of this very call whose answer
    /// was lost.
    case alreadyExists(String)
    /// The object is another one by now (409): its uid or version differs from what was asked for.
    case conflict(String)
    /// The account may not do that (403); the API server's own words.
    case forbidden(String)
    /// The API server does not know who asks (401).
    case unauthorized(String)
    /// The version asked for is too old (410): list again.
    case gone(String)
    /// The request is wrong (400, 405, 415, 422, or found before it was sent); repeating it does not help.
    case invalid(String)
    /// The API server cannot be reached, answers 429 or 5xx, or a deadline passed; repeating it later may
    /// help.
    case unavailable(String)
    /// The answer is nothing this client understands, or larger than its limit.
    case unusable(String)
    /// What says where the API server is and who asks is missing or wrong.
    case configuration(String)
    /// The caller's cancellation ended it.
    case cancelled

    /// One line.
    public var description: String {
        switch self {
        case .notFound(let text), .alreadyExists(let text), .conflict(let text), .forbidden(let text),
            .unauthorized(let text), .gone(let text), .invalid(let text), .unavailable(let text),
            .unusable(let text), .configuration(let text):
            text
        case .cancelled: "the request was cancelled"
        }
    }
}

/// What an answer of the API server with an error status says.
struct APIStatus: Hashable, Sendable {
    /// The longest message that is passed on, in bytes.
    static let messageMaximumBytes = 1024

    let code: Int
    let reason: String
    let message: String
    /// What the body asks to wait before the next try.
    let retryAfter: Duration?

    /// Reads a `Status` object.
    /// - Parameters:
    ///   - code: The answer's status, for a body that is none, as a proxy's.
    ///   - body: The object; anything else counts as one without a message.
    init(code: Int, body: JSON?) {
        let isStatus = body?["kind"]?.string == "Status"
        self.code = (isStatus ? body?["code"]?.int : nil) ?? code
        reason = (isStatus ? body?["reason"]?.string : nil) ?? ""
        message = Self.oneLine((isStatus ? body?["message"]?.string : nil) ?? "")
        retryAfter = body?[path: "details", "retryAfterSeconds"]?.int.map { .seconds(min(max($0, 0), 3600)) }
    }

    /// Whether the same request may do better later.
    var isPassing: Bool { code == 429 || code >= 500 }

    /// The error of a request.
    /// - Parameters:
    ///   - what: The request: "get configmaps a/b".
    ///   - secret: What must not be in the text; empty for nothing.
    /// - Returns: The case that fits the status.
    func error(_ what: String, hiding secret: String) -> KubernetesError {
        var said = message.isEmpty ? "the API server answered \(code)" : message
        // An authenticator's message may repeat what it was shown.
        if !secret.isEmpty {
            said = said.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        let text = "\(what): \(said)"
        return switch code {
        case 404: .notFound(text)
        case 409: reason == "AlreadyExists" ? .alreadyExists(text) : .conflict(text)
        case 403: .forbidden("\(text); a Role of the plugin's service account must allow it")
        case 401: .unauthorized("\(text); the token is wrong, ended, or of another cluster")
        case 410: .gone(text)
        case 400..<500 where code != 429: .invalid(text)
        default: .unavailable(text)
        }
    }

    private static func oneLine(_ text: String) -> String {
        let flat = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
        let whole = String(flat)
        guard whole.utf8.count > messageMaximumBytes else { return whole }
        return String(decoding: whole.utf8.prefix(messageMaximumBytes), as: UTF8.self) + "…"
    }
}
