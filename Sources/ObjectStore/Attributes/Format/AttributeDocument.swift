/// The entries of one directory, and how they are spread over objects.
///
/// Up to ``unsplitMaximum`` entries lie in one object. Beyond, they lie in ``partCount`` parts by the hash of
/// their names, and the object itself only says so; they stay there until none is left.
struct AttributeDocument: Hashable, Sendable {
    /// The entries by name.
    var entries: [[UInt8]: AttributeEntry] = [:]
    /// Which parts they lie in; nil: in one object.
    ///
    /// Differs each time a directory is split, so that two who split it at once do not write into each
    /// other's parts.
    var generation: UInt32?

    /// The most entries of an object that is not split.
    static let unsplitMaximum = 4096
    /// How many parts there are then.
    static let partCount = 16
    /// The largest object that is read, in bytes.
    static let objectMaximumBytes = 256 << 20
    /// What an object begins with; the last byte is the major version of the format.
    static let magic = Array("ALXATTR".utf8) + [1]

    var isEmpty: Bool { entries.isEmpty }
    var isSplit: Bool { generation != nil }

    /// The document after changes, each merged into what its entry is here.
    /// - Parameters:
    ///   - changes: By name.
    ///   - generation: That of the parts, if there are too many entries for one object now.
    /// - Returns: The new document.
    func applying(_ changes: [[UInt8]: EntryChange], generation: UInt32) -> AttributeDocument {
        var result = self
        for (name, change) in changes { result.entries[name] = change.applied(to: entries[name]) }
        if result.entries.count > Self.unsplitMaximum { result.generation = self.generation ?? generation }
        return result
    }

    /// The part that a name belongs to: the low bits of its CRC-32C.
    static func part(of name: [UInt8]) -> Int { Int(ByteWriter.crc(name[...])) & (partCount - 1) }

    /// The bytes of one object.
    /// - Parameter part: nil for the object itself.
    /// - Returns: All of it, with its checksum.
    func encoded(part: Int?) -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        if let generation, part == nil {
            writer.number(UInt64(Self.partCount))
            writer.number(UInt64(generation))
        } else {
            writer.number(0)
        }
        let mine = entries.filter { name, _ in !isSplit || Self.part(of: name) == part }
        writer.number(UInt64(mine.count))
        for (name, entry) in mine.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            writer.text(name)
            var inner = ByteWriter()
            entry.encode(into: &inner)
            writer.text(inner.bytes)
        }
        writer.checksum()
        return writer.bytes
    }

    /// Reads one object.
    /// - Parameter bytes: All of it.
    /// - Throws: A ``FormatError`` if it is not of this format, or of a later major version.
    init(decoding bytes: [UInt8]) throws(FormatError) {
        let word = Self.magic.dropLast()
        guard bytes.count > Self.magic.count, bytes.starts(with: word) else {
            throw FormatError("it is no attribute object")
        }
        guard bytes[word.count] == Self.magic[word.count] else {
            throw FormatError("its format has version \(bytes[word.count]), this program knows 1")
        }
        var reader = ByteReader(try ByteReader.checked(bytes[...]).dropFirst(Self.magic.count))
        let parts = try reader.number()
        guard parts == 0 || parts == UInt64(Self.partCount) else {
            throw FormatError("it has \(parts) parts, this program knows \(Self.partCount)")
        }
        if parts > 0 { generation = try reader.small(UInt32.self) }
        let count = try reader.number()
        var last: [UInt8] = []
        while !reader.isAtEnd {
            let name = try reader.text()
            guard last.lexicographicallyPrecedes(name), !name.contains(0), !name.contains(0x2F) else {
                throw FormatError("its names are not names, or not in order")
            }
            var fields = try reader.part()
            entries[name] = try AttributeEntry(from: &fields)
            last = name
        }
        guard UInt64(entries.count) == count, !isSplit || entries.isEmpty else {
            throw FormatError("it has \(entries.count) entries, not \(count)")
        }
    }

    init() {}
}
