import HTTPTransport
import Pages

/// What an S3 server said when it refused a request.
struct S3Answer: Hashable, Sendable {
    /// The HTTP status.
    var status: Int
    /// The error code of the document, such as `NoSuchKey`; empty if the answer has no document (every HEAD).
    var code = ""
    /// The message of the document.
    var message = ""
    /// The bucket's region, from the header or the document.
    var region: String?
    /// The endpoint that the document names.
    var endpoint: String?
    /// The server's clock, in seconds since 1970.
    var date: Int64?
    /// The name of the key that the refused request was signed with; nil if it was unsigned.
    var accessKeyID: String?

    /// Whether the server may have seen the refused request twice.
    var wasRepeated = false

    /// The longest text that is taken over from a document, in bytes.
    private static let textMaximumBytes = 512

    init(status: Int, code: String = "", message: String = "") {
        self.status = status
        self.code = code
        self.message = message
    }

    /// Reads a refusal; a body that is no error document just leaves its texts empty.
    init(_ response: HTTPResponse) {
        self.init(status: response.head.status)
        date = response.head.bytes(of: "date").flatMap { CivilTime.parseHTTP($0) }
        region = response.head["x-amz-bucket-region"]
        guard !response.body.isEmpty else { return }
        // A document that breaks off still told its code.
        do { try read(response.body) } catch { return }
    }

    private mutating func read(_ document: [UInt8]) throws(XMLError) {
        var scanner = XMLScanner(bytes: document)
        var name = 0..<0
        var text: [UInt8] = []
        while true {
            switch try scanner.next() {
            case .end:
                return
            case .open(let opened):
                name = opened
                text.removeAll(keepingCapacity: true)
            case .text(let range, let hasEntities):
                let cut = range.prefix(Self.textMaximumBytes)
                guard cut.count == range.count else { continue }
                try scanner.append(text: range, hasEntities: hasEntities, to: &text)
            case .close:
                take(name, text, scanner)
                name = 0..<0
            }
        }
    }

    private mutating func take(_ name: Range<Int>, _ text: [UInt8], _ scanner: XMLScanner) {
        guard !text.isEmpty, !name.isEmpty else { return }
        let value = String(decoding: text.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
        if scanner.matches(name, "Code") { code = value }
        if scanner.matches(name, "Message") { message = value }
        if scanner.matches(name, "Region"), region == nil { region = value }
        if scanner.matches(name, "Endpoint") { endpoint = value }
    }

    /// Status, code and message in one line.
    var summary: String {
        let words = [code.isEmpty ? "" : code, message].filter { !$0.isEmpty }
        return words.isEmpty ? "status \(status)" : "status \(status), \(words.joined(separator: ": "))"
    }
}

/// Why one attempt at a request failed.
enum S3Failure: Error, Hashable, Sendable {
    /// No complete answer came.
    case transport(TransportError)
    /// The server refused.
    case refused(S3Answer)
    /// The answer cannot be right; the text says what of it.
    case malformed(String)
    /// There is nothing to sign with.
    case credentials(CredentialsError)
    /// Ends the request at once with this error: the caller's sink failed, or the version is gone.
    case final(StoreError)

    /// A short name for the errors metric; one of a fixed set.
    var label: String {
        switch self {
        case .transport(.cannotConnect): "connect"
        case .transport(.untrusted): "untrusted"
        case .transport(.timedOut): "timeout"
        case .transport: "transport"
        case .refused(let answer):
            S3Metrics.knownCodes.contains(answer.code) ? answer.code : "\(answer.status)"
        case .malformed: "malformed"
        case .credentials: "credentials"
        case .final: "final"
        }
    }
}
