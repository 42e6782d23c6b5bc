import Metadata

/// What a change of several objects is about, so that whoever comes next can finish it.
///
/// It lies in the journal and, while it lasts and is about more than a file, as an object beside the target.
/// Pure.
struct Intent: Hashable, Sendable {
    /// What it is about, and how far it has come.
    ///
    /// What was done before is not done again.
    enum Phase: UInt64, Sendable {
        /// A directory moves: it is being copied, nothing has been deleted.
        case copying = 0
        /// A directory moves: the target is whole, what is left of the source goes.
        case deleting
        /// Two names change places: the source moves out of the way.
        case exchangingSource
        /// Two names change places: the target moves to the place of the source.
        case exchangingTarget
        /// Two names change places: the source comes to the place of the target.
        case exchangingBack
        /// A file moves; it is known to the journal only.
        case movingFile
        /// Something is made whose kind or mode its object does not tell; it is known to the journal only.
        case making
    }

    /// Distinguishes it from others.
    var identifier: UInt64
    /// When it was begun, nanoseconds since 1970.
    var begun: Int64
    /// What moves.
    var source: RelativePath
    /// Where to.
    var target: RelativePath
    var phase: Phase

    /// What an intent object begins with; the last byte is the version.
    static let magic = Array("ALXINTN".utf8) + [1]

    /// The largest intent object, in bytes: two keys and some numbers.
    static let maximumBytes = 4096

    /// Where the object lies.
    var location: RelativePath {
        let name = AttributeNames.intent + AttributeNames.hexadecimal(identifier, 16)
        return (target.parent ?? .root).appending(name)
    }

    /// Where an exchange keeps what was the source, on its way.
    var detour: RelativePath {
        let name = AttributeNames.exchange + AttributeNames.hexadecimal(identifier, 16)
        return (target.parent ?? .root).appending(name)
    }

    /// The bytes of the object.
    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        encode(into: &writer)
        writer.checksum()
        return writer.bytes
    }

    func encode(into writer: inout ByteWriter) {
        writer.number(identifier)
        writer.signed(begun)
        writer.number(phase.rawValue)
        writer.text(source.bytes)
        writer.text(target.bytes)
    }

    /// Reads an object.
    init(decoding bytes: [UInt8]) throws(FormatError) {
        guard bytes.starts(with: Self.magic) else { throw FormatError("it is no intent of this version") }
        var reader = ByteReader(try ByteReader.checked(bytes[...]).dropFirst(Self.magic.count))
        try self.init(from: &reader)
        guard reader.isAtEnd else { throw FormatError("it has more than an intent has") }
    }

    init(from reader: inout ByteReader) throws(FormatError) {
        identifier = try reader.number()
        begun = try reader.signed()
        guard let phase = Phase(rawValue: try reader.number()) else { throw FormatError("no such phase") }
        self.phase = phase
        source = RelativePath(bytes: try reader.text())
        target = RelativePath(bytes: try reader.text())
    }

    init(source: RelativePath, target: RelativePath, phase: Phase, begun: Int64) {
        self.phase = phase
        identifier = UInt64.random(in: 0 ... .max)
        self.begun = begun
        self.source = source
        self.target = target
    }
}
