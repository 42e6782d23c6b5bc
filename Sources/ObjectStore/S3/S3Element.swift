import HTTPTransport

/// An element of a small document that a server answers with.
struct S3Element: Hashable, Sendable {
    /// Without name space.
    var name: String
    /// Its own text.
    var text: [UInt8] = []
    var children: [S3Element] = []

    /// Reads a document; its depth and size are bounded by ``XMLScanner`` and the client's limit.
    static func parse(_ document: [UInt8]) throws(XMLError) -> S3Element {
        var scanner = XMLScanner(bytes: document)
        while true {
            switch try scanner.next() {
            case .open(let name): return try element(name, &scanner)
            case .end: throw .truncated
            case .text, .close: continue
            }
        }
    }

    private static func element(_ name: Range<Int>, _ scanner: inout XMLScanner) throws(XMLError) -> S3Element
    {
        var element = S3Element(name: String(decoding: scanner.bytes[name], as: UTF8.self))
        while true {
            switch try scanner.next() {
            case .open(let name): element.children.append(try Self.element(name, &scanner))
            case .text(let range, let hasEntities):
                try scanner.append(text: range, hasEntities: hasEntities, to: &element.text)
            case .close, .end: return element
            }
        }
    }

    /// The text of the first child of that name.
    subscript(name: String) -> [UInt8]? { children.first { $0.name == name }?.text }

    /// The same as text.
    func string(_ name: String) -> String? { self[name].map { String(decoding: $0, as: UTF8.self) } }

    /// Reads the document of a good answer.
    /// - Throws: `refused` if it is an error document after all, as copies and completions may have with
    ///   status 200; `malformed` if it is something else.
    static func parse(_ head: HTTPResponseHead, _ body: [UInt8], root: String) throws(S3Failure) -> S3Element
    {
        let element: S3Element
        do throws(XMLError) { element = try parse(body) } catch {
            throw .malformed("the answer is no \(root): \(error)")
        }
        if element.name == "Error" {
            var answer = S3Answer(HTTPResponse(head: head, body: body))
            answer.status = Self.status(ofCode: answer.code)
            throw .refused(answer)
        }
        guard element.name == root else { throw .malformed("the answer is a \(element.name), no \(root)") }
        return element
    }

    /// The status that an error would have had, had the server not begun its answer before it knew.
    private static func status(ofCode code: String) -> Int {
        switch code {
        case "InternalError": 500
        case "SlowDown", "ServiceUnavailable": 503
        case "PreconditionFailed": 412
        case "ConditionalRequestConflict", "OperationAborted": 409
        case "NoSuchKey", "NoSuchUpload", "NoSuchBucket": 404
        case "AccessDenied": 403
        case "NotImplemented": 501
        default: 400
        }
    }
}
