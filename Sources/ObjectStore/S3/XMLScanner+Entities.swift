extension XMLScanner {
    /// The longest entity that is read, `&` and `;` included.
    private static let entityMaximumBytes = 12

    /// Appends the meaning of the entity at `start`; returns where the text goes on.
    func appendEntity(at start: Int, before end: Int, to target: inout [UInt8]) throws(XMLError) -> Int {
        let limit = min(end, start + Self.entityMaximumBytes)
        guard let semicolon = bytes[start..<limit].firstIndex(of: UInt8(ascii: ";")) else {
            throw .malformed(at: start)
        }
        let name = (start + 1)..<semicolon
        if let byte = named(name) {
            target.append(byte)
        } else if let scalar = numbered(name) {
            target.append(contentsOf: String(Character(scalar)).utf8)
        } else {
            throw .malformed(at: start)
        }
        return semicolon + 1
    }

    private func named(_ name: Range<Int>) -> UInt8? {
        if matches(name, "amp") { return UInt8(ascii: "&") }
        if matches(name, "lt") { return UInt8(ascii: "<") }
        if matches(name, "gt") { return UInt8(ascii: ">") }
        if matches(name, "quot") { return UInt8(ascii: "\"") }
        if matches(name, "apos") { return UInt8(ascii: "'") }
        return nil
    }

    private func numbered(_ name: Range<Int>) -> Unicode.Scalar? {
        guard name.count >= 2, bytes[name.lowerBound] == UInt8(ascii: "#") else { return nil }
        let marker = bytes[name.lowerBound + 1] | 0x20
        let isHexadecimal = marker == UInt8(ascii: "x")
        let digits = bytes[(name.lowerBound + (isHexadecimal ? 2 : 1))..<name.upperBound]
        guard !digits.isEmpty, digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: isHexadecimal ? 16 : 10)
            .flatMap(Unicode.Scalar.init)
    }
}
