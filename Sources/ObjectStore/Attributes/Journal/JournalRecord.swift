import Metadata
import Pages

/// One entry of the journal: what was promised, or that it was kept.
enum JournalRecord: Hashable, Sendable {
    /// Changes of entries, under the number of the operation.
    case changes(UInt64, [NotedChange])
    /// Changes of a directory's entries up to a number are in the store.
    case committed(RelativePath, UInt64)
    /// A name is gone, its objects are to be deleted.
    case removal(UInt64, RelativePath, RemovalQueue.Removal)
    /// The objects of all removals up to a number are deleted.
    case removalsDone(UInt64)
    /// A name could not be removed, whoever asked was told so.
    case withdrawn(RelativePath)
    /// A change of several objects has begun, or has come to its next phase.
    case intent(Intent)
    /// It is over.
    case intentDone(UInt64)

    /// A change of the entry of a path.
    struct NotedChange: Hashable, Sendable {
        let path: RelativePath
        let change: EntryChange
    }

    private enum Tag: UInt64 {
        case changes = 1
        case committed, removal, removalsDone, withdrawn, intent, intentDone
    }

    /// The bytes of the record in the file: length, CRC-32C of what follows, tag, fields.
    var encoded: [UInt8] {
        var body = ByteWriter()
        encode(into: &body)
        var writer = ByteWriter()
        writer.fixed(UInt32(body.bytes.count))
        writer.fixed(ByteWriter.crc(body.bytes[...]))
        writer.raw(body.bytes)
        return writer.bytes
    }

    private func encode(into writer: inout ByteWriter) {
        switch self {
        case .changes(let number, let changes):
            writer.number(Tag.changes.rawValue)
            writer.number(number)
            for noted in changes {
                writer.text(noted.path.bytes)
                var inner = ByteWriter()
                noted.change.encode(into: &inner)
                writer.text(inner.bytes)
            }
        case .committed(let path, let number):
            writer.number(Tag.committed.rawValue)
            writer.number(number)
            writer.text(path.bytes)
        case .removal(let number, let path, let removal):
            writer.number(Tag.removal.rawValue)
            writer.number(number)
            writer.text(path.bytes)
            removal.encode(into: &writer)
        case .removalsDone(let number):
            writer.number(Tag.removalsDone.rawValue)
            writer.number(number)
        case .withdrawn(let path):
            writer.number(Tag.withdrawn.rawValue)
            writer.text(path.bytes)
        case .intent(let intent):
            writer.number(Tag.intent.rawValue)
            intent.encode(into: &writer)
        case .intentDone(let identifier):
            writer.number(Tag.intentDone.rawValue)
            writer.number(identifier)
        }
    }

    init(decoding body: ArraySlice<UInt8>) throws(FormatError) {
        var reader = ByteReader(body)
        guard let tag = Tag(rawValue: try reader.number()) else { throw FormatError("no such record") }
        switch tag {
        case .changes:
            let number = try reader.number()
            var changes: [NotedChange] = []
            while !reader.isAtEnd {
                let path = RelativePath(bytes: try reader.text())
                var inner = try reader.part()
                changes.append(NotedChange(path: path, change: try EntryChange(from: &inner)))
            }
            self = .changes(number, changes)
        case .committed:
            let number = try reader.number()
            self = .committed(RelativePath(bytes: try reader.text()), number)
        case .removal:
            let number = try reader.number()
            let path = RelativePath(bytes: try reader.text())
            self = .removal(number, path, try RemovalQueue.Removal(from: &reader))
        case .removalsDone: self = .removalsDone(try reader.number())
        case .withdrawn: self = .withdrawn(RelativePath(bytes: try reader.text()))
        case .intent: self = .intent(try Intent(from: &reader))
        case .intentDone: self = .intentDone(try reader.number())
        }
    }

    /// The records of a file, up to the first that is torn: its writer died, and nothing was promised.
    static func records(in bytes: [UInt8]) -> (records: [JournalRecord], end: Int) {
        var records: [JournalRecord] = []
        var end = 0
        while bytes.count - end >= 8 {
            var head = ByteReader(bytes[end..<(end + 8)])
            guard let length = try? head.fixed(), let sum = try? head.fixed(),
                bytes.count - end - 8 >= Int(length)
            else { break }
            let body = bytes[(end + 8)..<(end + 8 + Int(length))]
            guard ByteWriter.crc(body) == sum, let record = try? JournalRecord(decoding: body) else { break }
            records.append(record)
            end += 8 + Int(length)
        }
        return (records, end)
    }
}

extension RemovalQueue.Removal {
    fileprivate func encode(into writer: inout ByteWriter) {
        let siblings: UInt64 =
            switch siblings {
            case .some: 0
            case .none: 1
            case .unknown: 2
            }
        writer.number(siblings)
        writer.number(isDirectory ? 1 : 0)
        writer.text((etag?.text ?? "").utf8)
        for document in documents ?? [] { writer.text(document.bytes) }
    }

    fileprivate init(from reader: inout ByteReader) throws(FormatError) {
        siblings =
            switch try reader.number() {
            case 0: .some
            case 1: .none
            default: .unknown
            }
        let isDirectory = try reader.number() == 1
        let tag = try reader.text()
        etag = tag.isEmpty ? nil : ETag(String(decoding: tag, as: UTF8.self))
        documents = nil
        guard isDirectory else { return }
        var paths: [RelativePath] = []
        while !reader.isAtEnd { paths.append(RelativePath(bytes: try reader.text())) }
        documents = paths
    }
}

/// What a journal still promises.
struct JournalReplay: Sendable {
    private(set) var changes: [(number: UInt64, noted: JournalRecord.NotedChange)] = []
    private(set) var removals: [(number: UInt64, path: RelativePath, removal: RemovalQueue.Removal)] = []
    private(set) var intents: [UInt64: Intent] = [:]
    /// The greatest number in it.
    private(set) var lastNumber: UInt64 = 0

    init(_ records: [JournalRecord]) {
        var committed: [RelativePath: UInt64] = [:]
        for record in records { take(record, &committed) }
        changes.removeAll { change in
            change.number <= committed[change.noted.path.parent ?? .root] ?? 0
        }
    }

    private mutating func take(_ record: JournalRecord, _ committed: inout [RelativePath: UInt64]) {
        switch record {
        case .changes(let number, let noted):
            lastNumber = max(lastNumber, number)
            changes.append(contentsOf: noted.map { (number, $0) })
        case .committed(let directory, let number):
            committed[directory] = max(committed[directory] ?? 0, number)
        case .removal(let number, let path, let removal):
            lastNumber = max(lastNumber, number)
            removals.append((number, path, removal))
            // What was said of names in it must not bring the directory back.
            if removal.isDirectory { changes.removeAll { $0.noted.path.lies(below: path) } }
        case .removalsDone(let number): removals.removeAll { $0.number <= number }
        case .withdrawn(let path): removals.removeAll { $0.path == path }
        case .intent(let intent):
            intents[intent.identifier] = intent
            // It was said again of the names at the new place.
            if intent.phase == .deleting { changes.removeAll { $0.noted.path.lies(below: intent.source) } }
        case .intentDone(let identifier): intents[identifier] = nil
        }
    }
}
