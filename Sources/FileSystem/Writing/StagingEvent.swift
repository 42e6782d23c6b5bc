import Pages

/// One thing that happened to a staged file, as a line of the staging log.
///
/// Pure.
///
/// Fields are separated by tabs; an empty field is nil. In fields a
/// backslash,
/// a tab and a line end are written `\\`, `\t` and `\n`; all other bytes stand for themselves, since names
/// need
/// not be text.
struct StagingEvent: Hashable, Sendable {
    /// What happened.
    enum Kind: String, Sendable, CaseIterable {
        /// It was made, or got another path or base.
        case began
        /// It has changes that the store does not have.
        case dirty
        /// Its bytes are on the disk, and were promised.
        case durable
        /// Its times were set after the last write.
        case timed
        /// The store has everything.
        case clean
        /// It is gone.
        case ended
    }

    /// How a durable file is put together.
    struct Contents: Hashable, Sendable {
        /// Length in bytes.
        var size: Int64
        /// What is kept of the base.
        var kept: [Span]
    }

    /// What a file that is new will be like.
    struct Owner: Hashable, Sendable {
        /// Type and permission bits.
        var mode: UInt32
        /// Owner.
        var uid: UInt32
        /// Group.
        var gid: UInt32
    }

    /// Times that were set, nanoseconds since 1970; nil stays as it is.
    struct Times: Hashable, Sendable {
        var accessed: Int64?
        var modified: Int64?
    }

    /// What happened.
    var kind: Kind
    /// The file's name in the directory.
    var file: String
    /// The path that it will get.
    var path: [UInt8]?
    /// The address of the root of the store that will get it; nil in a log of an earlier version.
    var store: UFSURI?
    /// The version that it is based on, or replaces; nil for a new name.
    var base: FileVersion?
    /// Of a durable file.
    var contents: Contents?
    /// Of a new file.
    var owner: Owner?
    /// Of ``Kind/timed``, where others have the owner.
    var times: Times?

    init(_ kind: Kind, file: String) {
        self.kind = kind
        self.file = file
    }

    private static let fieldCount = 10
    /// How many there were before the store was one of them.
    private static let oldFieldCount = 9

    /// The line, with its end.
    var line: [UInt8] {
        let kept = contents?.kept.map { "\($0.offset)-\($0.end)" }.joined(separator: ",")
        let fields: [[UInt8]] = [
            Array(kind.rawValue.utf8), Array(file.utf8), path.map { [UInt8(ascii: "/")] + $0 } ?? [],
            base?.uri.bytes ?? [], Array((base?.etag.text ?? "").utf8), Self.text(base?.size),
            Self.text(contents?.size), Array((kept ?? "").utf8),
            Array((ownerText ?? timesText ?? "").utf8), store?.bytes ?? [],
        ]
        var line: [UInt8] = []
        for field in fields {
            for byte in field { Self.append(byte, to: &line) }
            line.append(Self.tab)
        }
        line[line.count - 1] = Self.end
        return line
    }

    private var ownerText: String? { owner.map { "\($0.mode) \($0.uid) \($0.gid)" } }

    private var timesText: String? {
        times.map { times in
            [times.accessed, times.modified].map { $0.map { String($0) } ?? "-" }.joined(separator: " ")
        }
    }

    /// Reads a line without its end; nil for one that was not written whole.
    init?(line: ArraySlice<UInt8>) {
        let fields = line.split(separator: Self.tab, omittingEmptySubsequences: false).map(Self.plain)
        guard fields.count == Self.fieldCount || fields.count == Self.oldFieldCount,
            let kind = Kind(rawValue: Self.string(fields[0]))
        else { return nil }
        self.init(kind, file: Self.string(fields[1]))
        guard !file.isEmpty, !file.contains("/") else { return nil }
        if !fields[2].isEmpty { path = Array(fields[2].dropFirst()) }
        if let size = Int64(Self.string(fields[5])), size >= 0 {
            let etag = ETag(Self.string(fields[4]))
            base = FileVersion(uri: UFSURI(bytes: fields[3]), etag: etag, size: size)
        }
        if let size = Int64(Self.string(fields[6])), size >= 0 {
            guard let kept = Self.spans(Self.string(fields[7])) else { return nil }
            contents = Contents(size: size, kept: kept)
        }
        let words = Self.string(fields[8]).split(separator: " ")
        if kind == .timed, words.count == 2 {
            times = Times(accessed: Int64(words[0]), modified: Int64(words[1]))
        }
        let numbers = words.compactMap { UInt32($0) }
        if numbers.count == 3 { owner = Owner(mode: numbers[0], uid: numbers[1], gid: numbers[2]) }
        if fields.count > Self.oldFieldCount, !fields[9].isEmpty { store = UFSURI(bytes: fields[9]) }
    }

    private static let tab = UInt8(ascii: "\t")
    private static let end = UInt8(ascii: "\n")
    private static let backslash = UInt8(ascii: "\\")

    private static func text(_ number: Int64?) -> [UInt8] { Array((number.map(String.init) ?? "").utf8) }

    private static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func append(_ byte: UInt8, to line: inout [UInt8]) {
        switch byte {
        case backslash: line += [backslash, backslash]
        case tab: line += [backslash, UInt8(ascii: "t")]
        case end: line += [backslash, UInt8(ascii: "n")]
        default: line.append(byte)
        }
    }

    private static func plain(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in field {
            if isEscaped {
                bytes.append(byte == UInt8(ascii: "t") ? tab : byte == UInt8(ascii: "n") ? end : byte)
                isEscaped = false
            } else if byte == backslash {
                isEscaped = true
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    private static func spans(_ text: String) -> [Span]? {
        var spans: [Span] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int64($0) }
            guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1] else { return nil }
            spans.append(Span(from: ends[0], to: ends[1]))
        }
        return spans
    }
}
