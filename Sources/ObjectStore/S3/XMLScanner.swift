/// Why a document could not be read.
public enum XMLError: Error, Hashable, Sendable {
    /// The document ends inside of something, or a tag is not closed.
    case truncated
    /// Not well-formed at this byte offset.
    case malformed(at: Int)
    /// Nested deeper than ``XMLScanner/depthMaximum``.
    case tooDeep
    /// It has a document type, which S3 never sends and which could define entities.
    case documentType
}

/// Splits an XML document into tags and texts.
///
/// Works on any bytes: it always ends, with an error or ``Token/end``.
///
/// Reads what S3 servers send: elements, text, the five named entities and numeric ones, CDATA, comments and
/// processing instructions. Attributes are skipped, name spaces ignored.
public struct XMLScanner {
    /// The deepest nesting that is read.
    public static let depthMaximum = 32

    /// A piece of the document; ranges are offsets into ``bytes``.
    public enum Token: Hashable, Sendable {
        /// A start tag; its name without name space prefix.
        case open(Range<Int>)
        /// An end tag, or the end of an empty element.
        case close
        /// Text between tags; if `hasEntities`, ``XMLScanner/append(text:hasEntities:to:)`` has to resolve
        /// some.
        case text(Range<Int>, hasEntities: Bool)
        /// The document is over.
        case end
    }

    /// The document.
    public let bytes: [UInt8]
    private var position = 0
    private var names: [Range<Int>] = []
    private var closesNext = false
    private var sawRoot = false

    /// Starts at the front of a document.
    /// - Parameter bytes: The document; any bytes at all.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
        names.reserveCapacity(8)
    }

    /// How many elements are open.
    public var depth: Int { names.count }

    /// Reads the next piece.
    /// - Returns: The piece; ``Token/end`` when the root element is closed, and ever after.
    /// - Throws: ``XMLError`` if the document is not well-formed.
    public mutating func next() throws(XMLError) -> Token {
        if closesNext {
            closesNext = false
            names.removeLast()
            return .close
        }
        while true {
            if sawRoot, names.isEmpty { return .end }
            guard position < bytes.count else { throw .truncated }
            if bytes[position] != UInt8(ascii: "<") {
                let text = scanText()
                if !names.isEmpty { return text }
                try requireBlank(text)
                continue
            }
            if let token = try scanMarkup() { return token }
        }
    }

    /// Appends a text's meaning.
    /// - Parameters:
    ///   - text: A range from ``Token/text(_:hasEntities:)``.
    ///   - hasEntities: As the token said.
    ///   - target: Where to.
    /// - Throws: ``XMLError/malformed(at:)`` for an unknown entity.
    public func append(text: Range<Int>, hasEntities: Bool, to target: inout [UInt8]) throws(XMLError) {
        guard hasEntities else {
            target.append(contentsOf: bytes[text])
            return
        }
        var index = text.lowerBound
        while index < text.upperBound {
            if bytes[index] == UInt8(ascii: "&") {
                index = try appendEntity(at: index, before: text.upperBound, to: &target)
            } else {
                target.append(bytes[index])
                index += 1
            }
        }
    }

    /// Whether the bytes of a range are this text.
    /// - Parameters:
    ///   - range: Offsets into ``bytes``.
    ///   - text: What to compare with.
    /// - Returns: `true` if they are equal.
    public func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for (index, position) in range.enumerated() where bytes[position] != text.utf8Start[index] {
            return false
        }
        return true
    }

    private mutating func scanText() -> Token {
        let start = position
        var hasEntities = false
        bytes.withUnsafeBufferPointer { bytes in
            var index = start
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "<") { break }
                if byte == UInt8(ascii: "&") { hasEntities = true }
                index += 1
            }
            position = index
        }
        return .text(start..<position, hasEntities: hasEntities)
    }

    private func requireBlank(_ token: Token) throws(XMLError) {
        guard case .text(let range, _) = token else { return }
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = bytes[range]
        let rest = range.lowerBound == 0 && text.starts(with: byteOrderMark) ? text.dropFirst(3) : text
        guard let bad = rest.firstIndex(where: { !isBlank($0) }) else { return }
        throw .malformed(at: bad)
    }

    /// Reads what begins with `<`; nil for a comment or an instruction.
    private mutating func scanMarkup() throws(XMLError) -> Token? {
        if starts("<!--") {
            try skip(past: "-->", from: position + 4)
            return nil
        }
        if starts("<![CDATA[") {
            let start = position + 9
            guard !names.isEmpty else { throw .malformed(at: position) }
            try skip(past: "]]>", from: start)
            return .text(start..<(position - 3), hasEntities: false)
        }
        if starts("<?") {
            try skip(past: "?>", from: position + 2)
            return nil
        }
        if starts("<!") { throw .documentType }
        return starts("</") ? try scanEndTag() : try scanStartTag()
    }

    private mutating func scanStartTag() throws(XMLError) -> Token {
        let name = try scanName(from: position + 1)
        guard names.count < Self.depthMaximum else { throw .tooDeep }
        try skipAttributes()
        let isEmpty = bytes[position] == UInt8(ascii: "/")
        if isEmpty {
            position += 1
            guard position < bytes.count else { throw .truncated }
            guard bytes[position] == UInt8(ascii: ">") else { throw .malformed(at: position) }
        }
        position += 1
        names.append(name)
        sawRoot = true
        closesNext = isEmpty
        return .open(name)
    }

    private mutating func scanEndTag() throws(XMLError) -> Token {
        let start = position
        let name = try scanName(from: position + 2)
        while position < bytes.count, isBlank(bytes[position]) { position += 1 }
        guard position < bytes.count else { throw .truncated }
        guard bytes[position] == UInt8(ascii: ">"), let open = names.popLast(), bytes[open] == bytes[name]
        else {
            throw .malformed(at: start)
        }
        position += 1
        return .close
    }

    /// Reads a name and leaves the position behind it; the result is the part after a prefix.
    private mutating func scanName(from start: Int) throws(XMLError) -> Range<Int> {
        var index = start
        var local = start
        while index < bytes.count, !isBlank(bytes[index]), !isTagEnd(bytes[index]) {
            if bytes[index] == UInt8(ascii: ":") { local = index + 1 }
            if bytes[index] == UInt8(ascii: "<") { throw .malformed(at: index) }
            index += 1
        }
        guard index < bytes.count else { throw .truncated }
        guard local < index else { throw .malformed(at: start) }
        position = index
        return local..<index
    }

    /// Leaves the position at the `>` or `/` that ends a start tag.
    private mutating func skipAttributes() throws(XMLError) {
        while position < bytes.count {
            let byte = bytes[position]
            if isTagEnd(byte) { return }
            if byte == UInt8(ascii: "<") { throw .malformed(at: position) }
            position += 1
            guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else { continue }
            guard let end = bytes[position...].firstIndex(of: byte) else { throw .truncated }
            position = end + 1
        }
        throw .truncated
    }

    private mutating func skip(past end: StaticString, from start: Int) throws(XMLError) {
        var index = start
        let count = end.utf8CodeUnitCount
        while index + count <= bytes.count {
            if matches(index..<(index + count), end) {
                position = index + count
                return
            }
            index += 1
        }
        throw .truncated
    }

    private func starts(_ text: StaticString) -> Bool {
        let end = position + text.utf8CodeUnitCount
        return end <= bytes.count && matches(position..<end, text)
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private func isTagEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/")
    }
}
