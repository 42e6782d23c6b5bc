/// The target of a request, taken apart: raw path components, and raw query parameters.
///
/// Pure. Nothing is decoded before somebody asks for it, since what `+` means depends on who asks. A `%`
/// without two hexadecimal digits stands for itself.
struct RequestTarget: Equatable, Sendable {
    /// The path as it came, without the query.
    let rawPath: [UInt8]
    private let parameters: [Parameter]

    private struct Parameter: Equatable, Sendable {
        let name: [UInt8]
        let value: ArraySlice<UInt8>
    }

    /// Takes a target apart.
    /// - Parameter text: The target as it stands in the request line; also the absolute form.
    init(_ text: String) {
        var bytes = Array(text.utf8)[...]
        if bytes.first != UInt8(ascii: "/"), let scheme = Self.afterAuthority(bytes) {
            bytes = bytes[scheme...]
        }
        let question = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        rawPath = Array(bytes[..<question])
        parameters = bytes[question...].dropFirst().split(separator: UInt8(ascii: "&")).map { part in
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            return Parameter(
                name: Self.decoded(part[..<equals]),
                value: part[equals...].dropFirst()
            )
        }
    }

    /// Where the path of `http://host/path` begins; nil if the text has no such form.
    private static func afterAuthority(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            bytes[colon...].starts(with: Array("://".utf8))
        else { return nil }
        return bytes[(colon + 3)...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
    }

    /// The components of the path that are not empty, decoded.
    var components: [[UInt8]] {
        rawPath.split(separator: UInt8(ascii: "/")).map { Self.decoded($0) }
    }

    /// Whether a parameter is there, with or without a value.
    func has(_ name: String) -> Bool {
        parameters.contains { $0.name.elementsEqual(name.utf8) }
    }

    /// A parameter, decoded; `+` stands for itself.
    /// - Returns: The value, or nil if the parameter is missing or empty.
    func value(_ name: String) -> [UInt8]? {
        raw(name).map { Self.decoded($0) }
    }

    /// A parameter of a client that form-encodes sometimes: `+` is a blank if the value shows by an escaped
    /// `://` that it was encoded, else it stands for itself.
    /// - Returns: The value, or nil if the parameter is missing or empty.
    func formValue(_ name: String) -> [UInt8]? {
        guard let raw = raw(name) else { return nil }
        return Self.decoded(raw, plusIsBlank: Self.hasEscapedSeparator(raw))
    }

    /// A parameter of a client that always form-encodes.
    /// - Returns: The value, or nil if the parameter is missing or empty.
    func encodedValue(_ name: String) -> [UInt8]? {
        raw(name).map { Self.decoded($0, plusIsBlank: true) }
    }

    /// A parameter as text.
    func text(_ name: String) -> String? {
        value(name).map { String(decoding: $0, as: UTF8.self) }
    }

    private func raw(_ name: String) -> ArraySlice<UInt8>? {
        guard let found = parameters.first(where: { $0.name.elementsEqual(name.utf8) }) else { return nil }
        return found.value.isEmpty ? nil : found.value
    }

    private static func hasEscapedSeparator(_ bytes: ArraySlice<UInt8>) -> Bool {
        String(decoding: bytes, as: UTF8.self).lowercased().contains("%3a%2f%2f")
    }

    /// Bytes with their percent escapes replaced.
    static func decoded(_ bytes: ArraySlice<UInt8>, plusIsBlank: Bool = false) -> [UInt8] {
        if !plusIsBlank, !bytes.contains(UInt8(ascii: "%")) { return Array(bytes) }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                text.append(high << 4 | low)
                index += 3
                continue
            }
            text.append(plusIsBlank && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            index += 1
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
