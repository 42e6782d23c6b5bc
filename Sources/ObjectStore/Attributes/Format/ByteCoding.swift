import CLinux

/// Bytes that are no document of ours; the text says what is wrong.
struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Writes the numbers and texts of attribute objects, intents and the journal.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    /// A number in as few bytes as it needs: seven bits a byte, lowest first, the top bit says that more
    /// follow.
    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A number with a sign: 0, -1, 1, -2… are written as 0, 1, 2, 3….
    mutating func signed(_ value: Int64) {
        number(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// A length and that many bytes.
    mutating func text(_ value: some Collection<UInt8>) {
        number(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Bytes as they are.
    mutating func raw(_ value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

    /// Four bytes, lowest first.
    mutating func fixed(_ value: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// The CRC-32C of everything so far.
    mutating func checksum() { fixed(ByteWriter.crc(bytes[...])) }

    static func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { linux_crc32c(0, $0.baseAddress, $0.count) }
    }
}

/// Reads what a ``ByteWriter`` wrote, and refuses everything that it cannot have written.
struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }
    /// How many bytes are left.
    var count: Int { rest.count }

    mutating func number() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = rest.popFirst() {
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || (shift == 63 && bits <= 1) else { break }
            value |= bits << shift
            guard byte & 0x80 != 0 else {
                // One number has one form, so that a document has one form.
                guard byte != 0 || shift == 0 else { throw FormatError("a number is longer than it needs") }
                return value
            }
            shift += 7
        }
        throw FormatError("a number does not end")
    }

    mutating func small<Value: FixedWidthInteger>(_: Value.Type) throws(FormatError) -> Value {
        let number = try number()
        guard let value = Value(exactly: number) else { throw FormatError("\(number) is out of range") }
        return value
    }

    mutating func signed() throws(FormatError) -> Int64 {
        let value = try number()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func text() throws(FormatError) -> [UInt8] { Array(try raw(count: try length())) }

    /// A part with a length of its own.
    mutating func part() throws(FormatError) -> ByteReader { ByteReader(try raw(count: try length())) }

    mutating func fixed() throws(FormatError) -> UInt32 {
        try raw(count: 4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func raw(count: Int) throws(FormatError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw FormatError("\(count) bytes are missing") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func length() throws(FormatError) -> Int {
        let length = try number()
        guard length <= UInt64(rest.count) else {
            throw FormatError("a length of \(length) goes beyond the end")
        }
        return Int(length)
    }

    /// What lies before the checksum at the end of a document.
    /// - Throws: If the checksum is not that of the bytes before it.
    static func checked(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> ArraySlice<UInt8> {
        guard bytes.count >= 4 else { throw FormatError("\(bytes.count) bytes are no document") }
        let body = bytes.dropLast(4)
        var sum = ByteReader(bytes.suffix(4))
        guard try sum.fixed() == ByteWriter.crc(body) else { throw FormatError("the checksum is wrong") }
        return body
    }
}
