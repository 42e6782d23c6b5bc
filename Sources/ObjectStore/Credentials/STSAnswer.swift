/// The texts of an answer of STS by the names of their elements: credentials, or an error's code and message.
struct STSAnswer {
    private static let names: Set<String> = [
        "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Code", "Message",
    ]

    private var texts: [String: String] = [:]

    /// Reads a document.
    /// - Parameter document: Any bytes; what cannot be read, and what follows it, is missing.
    init(_ document: [UInt8]) {
        do { try read(document) } catch { return }
    }

    /// The text of the first element of a name, without blanks around it; nil if there is none, or no text.
    subscript(name: String) -> String? { texts[name] }

    private mutating func read(_ document: [UInt8]) throws(XMLError) {
        var scanner = XMLScanner(bytes: document)
        var name = ""
        var text: [UInt8] = []
        while true {
            switch try scanner.next() {
            case .end:
                return
            case .open(let opened):
                name = String(decoding: document[opened], as: UTF8.self)
                text.removeAll()
            case .text(let range, let hasEntities):
                try scanner.append(text: range, hasEntities: hasEntities, to: &text)
            case .close:
                take(text, as: name)
                name = ""
            }
        }
    }

    private mutating func take(_ text: [UInt8], as name: String) {
        let isBlank = { (byte: UInt8) in byte <= UInt8(ascii: " ") }
        let head = text.drop(while: isBlank)
        guard Self.names.contains(name), texts[name] == nil,
            let last = head.lastIndex(where: { !isBlank($0) })
        else { return }
        texts[name] = String(decoding: head[...last], as: UTF8.self)
    }
}
