/// Status line and header fields of a response.
///
/// The fields are kept as they came and looked up in place: most of a response's fields are never asked for,
/// and making text of all of them would cost as much as signing the request.
public struct HTTPResponseHead: Sendable {
    /// The status code, 200 to 599.
    public var status: Int
    /// Lines `name: value`, each ended by CR LF.
    private let lines: [UInt8]

    /// Collects a response's head.
    /// - Parameters:
    ///   - status: The status code.
    ///   - headers: Header fields in order; names in any case.
    public init(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        var lines: [UInt8] = []
        for header in headers { lines += Array("\(header.name): \(header.value)\r\n".utf8) }
        self.lines = lines
    }

    init(status: Int, lines: [UInt8]) {
        self.status = status
        self.lines = lines
    }

    /// Header fields in the order they came, names in lower case.
    public var headers: [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        forEachLine { name, value in
            let lower = lines[name].map { Self.lowered($0) }
            fields.append(
                (String(decoding: lower, as: UTF8.self), String(decoding: lines[value], as: UTF8.self))
            )
            return true
        }
        return fields
    }

    /// The first value of a header field.
    /// - Parameter name: The field's name in lower case.
    /// - Returns: Its value without surrounding blanks, or nil.
    public subscript(name: String) -> String? {
        bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first value of a header field, as bytes.
    /// - Parameter name: The field's name in lower case.
    /// - Returns: Its value without surrounding blanks, or nil.
    public func bytes(of name: String) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        let wanted = name.utf8
        forEachLine { range, value in
            guard range.count == wanted.count else { return true }
            guard zip(lines[range], wanted).allSatisfy({ Self.lowered($0) == $1 }) else { return true }
            found = lines[value]
            return false
        }
        return found
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
    }

    private func forEachLine(_ body: (Range<Int>, Range<Int>) -> Bool) {
        var start = 0
        while start < lines.count {
            var colon = -1
            var stop = start
            while stop < lines.count, lines[stop] != UInt8(ascii: "\n") {
                if colon < 0, lines[stop] == UInt8(ascii: ":") { colon = stop }
                stop += 1
            }
            if colon > start, !body(start..<colon, trimmed(colon + 1, stop)) { return }
            start = stop + 1
        }
    }

    private func trimmed(_ from: Int, _ to: Int) -> Range<Int> {
        var (start, stop) = (from, to)
        while start < stop, lines[start] <= 0x20 { start += 1 }
        while stop > start, lines[stop - 1] <= 0x20 { stop -= 1 }
        return start..<stop
    }
}

/// A whole response held in memory.
public struct HTTPResponse: Sendable {
    /// Status line and header fields.
    public var head: HTTPResponseHead
    /// The body.
    public var body: [UInt8]
    /// Whether the request was sent a second time, since a kept connection broke before a byte of the answer:
    /// the server may have seen it twice.
    public var wasRepeated = false

    /// Collects a response.
    /// - Parameters:
    ///   - head: Status line and header fields.
    ///   - body: The body.
    public init(head: HTTPResponseHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}
