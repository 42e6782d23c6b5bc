import NIOCore
import NIOHTTP1

/// One request, as a ``Responder`` sees it.
struct ServedRequest: Sendable {
    /// Method, version and header fields.
    let head: HTTPRequestHead
    /// Its target, taken apart.
    let target: RequestTarget
    /// The body, if the responder wanted one.
    var body: ByteBuffer?

    init(_ head: HTTPRequestHead) {
        self.head = head
        target = RequestTarget(head.uri)
    }

    /// A header field without surrounding blanks; nil if it is missing.
    func field(_ name: String) -> String? {
        head.headers.first(name: name)
    }

    /// A parameter that is a number.
    /// - Parameters:
    ///   - name: Which.
    ///   - fallback: What a missing one means.
    /// - Returns: The number.
    /// - Throws: A 400 if it is something else.
    func number(_ name: String, or fallback: Int64) throws(HTTPFailure) -> Int64 {
        guard let text = target.text(name) else { return fallback }
        guard let number = Int64(text) else {
            throw .refused(.badRequest, "\(name)=\(text) is no number; give a decimal one")
        }
        return number
    }
}

/// Why a request gets no good answer.
enum HTTPFailure: Error, Sendable {
    /// The answer needs a wait, and the caller said that it must not wait.
    case wouldWait
    /// The request is refused.
    case refusal(Refusal)

    /// The usual refusal: a status and a text for people.
    static func refused(_ status: HTTPResponseStatus, _ message: String) -> HTTPFailure {
        .refusal(Refusal(status: status, message: message))
    }
}

/// A refusal: the status, a text for people, and what else the answer says.
struct Refusal: Error, Sendable {
    var status: HTTPResponseStatus
    var message: String
    /// Header fields beside those every answer has.
    var fields: [(name: String, value: String)] = []
    /// Members of a JSON body beside the text for people.
    var members: [(String, JSONDocument)] = []
    /// Whether a mount point is missing, not a file.
    var isBucket = false
}
