import Pages

/// The entries of a listing, in chunks that never move.
///
/// A copy is cheap and sees the entries it counted, for ever: entries are only added, and only behind
/// everybody's count. So readers take a copy and need no lock. At any time only one copy may append.
struct EntryTable: Sendable {
    /// How many entries this copy sees.
    private(set) var count = 0
    /// How many of them are directories.
    private(set) var directoryCount = 0
    /// What the chunks take, in bytes.
    private(set) var memoryBytes = 0
    private var recordChunks: [RecordChunk] = []
    private var arenaChunks: [ArenaChunk] = []
    private var arenaUsed = 0

    /// The longest name and etag together, in bytes; S3's keys end at 1024.
    static let textMaximum = 32 << 10
    private static let arenaChunkMaximum = 64 << 10
    private static let arenaChunksMaximum = 1 << 16
    private static let recordChunkMaximum = 8 << 8

    // MARK: Reading

    /// The name of an entry; valid as long as this copy lives.
    func name(at index: Int) -> UnsafeRawBufferPointer {
        let record = record(at: index)
        return UnsafeRawBufferPointer(start: text(of: record), count: Int(record.nameCount))
    }

    /// The hash of an entry's name.
    func hash(at index: Int) -> UInt32 { record(at: index).hash }

    /// What kind of thing an entry is.
    func kind(at index: Int) -> EntryKind { EntryKind(rawValue: record(at: index).kind) ?? .special }

    /// The attributes of an entry.
    func attributes(at index: Int) -> Attributes {
        let record = record(at: index)
        let etag = PackedETag(form: record.form & ~EntryRecord.hasPOSIX, detail: record.etagDetail)
        return Attributes(
            kind: EntryKind(rawValue: record.kind) ?? .special,
            size: record.size,
            modified: record.modified,
            etag: etag.load(from: text(of: record) + Int(record.nameCount)),
            posix: record.form & EntryRecord.hasPOSIX == 0 ? nil : posix(at: index)
        )
    }

    private func record(at index: Int) -> EntryRecord {
        let (chunk, offset) = Self.place(of: index)
        return recordChunks[chunk].records[offset]
    }

    private func posix(at index: Int) -> POSIXAttributes? {
        let (chunk, offset) = Self.place(of: index)
        return recordChunks[chunk].posix?[offset]
    }

    private func text(of record: EntryRecord) -> UnsafeRawPointer {
        UnsafeRawPointer(arenaChunks[Int(record.address >> 16)].bytes) + Int(record.address & 0xFFFF)
    }

    /// Chunks hold 16, 16, 32, 64, … 1024 and then 2048 records each, so that a small directory is small.
    private static func place(of index: Int) -> (chunk: Int, offset: Int) {
        if index >= recordChunkMaximum { return (7 + index / recordChunkMaximum, index % recordChunkMaximum) }
        if index < 16 { return (0, index) }
        let exponent = Int.bitWidth - 1 - index.leadingZeroBitCount
        return (exponent - 3, index - 1 << exponent)
    }

    // MARK: Appending

    /// Adds an entry behind all others.
    /// - Returns: `false` if it cannot be held: its name and etag are too long, or the arena's 4 GiB are used
    ///   up.
    mutating func append(_ name: UnsafeRawBufferPointer, hash: UInt32, _ attributes: Attributes) -> Bool {
        guard let etag = attributes.etag else {
            return append(name, hash: hash, attributes, UnsafeBufferPointer(start: nil, count: 0), .none)
        }
        var text = etag.text
        return text.withUTF8 { append(name, hash: hash, attributes, $0, PackedETag($0)) }
    }

    /// Adds a copy of another table's entry behind all others.
    /// - Returns: `false` if the arena's 4 GiB are used up.
    mutating func append(_ index: Int, of other: EntryTable) -> Bool {
        var record = other.record(at: index)
        let etag = PackedETag(form: record.form & ~EntryRecord.hasPOSIX, detail: record.etagDetail)
        let bytes = Int(record.nameCount) + etag.storedBytes
        guard let address = reserve(bytes) else { return false }
        let place = arenaChunks[arenaChunks.count - 1].bytes + Int(address & 0xFFFF)
        place.copyMemory(from: other.text(of: record), byteCount: bytes)
        record.address = address
        add(record, posix: record.form & EntryRecord.hasPOSIX == 0 ? nil : other.posix(at: index))
        return true
    }

    private mutating func append(
        _ name: UnsafeRawBufferPointer,
        hash: UInt32,
        _ attributes: Attributes,
        _ text: UnsafeBufferPointer<UInt8>,
        _ etag: PackedETag
    ) -> Bool {
        guard let source = name.baseAddress, name.count + text.count <= Self.textMaximum else { return false }
        guard let address = reserve(name.count + etag.storedBytes) else { return false }
        let place = arenaChunks[arenaChunks.count - 1].bytes + Int(address & 0xFFFF)
        place.copyMemory(from: source, byteCount: name.count)
        etag.store(text, at: place + name.count)
        let record = EntryRecord(
            address: address,
            nameCount: UInt16(name.count),
            kind: attributes.kind.rawValue,
            form: etag.form,
            size: attributes.size,
            modified: attributes.modified,
            hash: hash,
            etagDetail: etag.detail
        )
        add(record, posix: attributes.posix)
        return true
    }

    private mutating func add(_ record: EntryRecord, posix: POSIXAttributes?) {
        var record = record
        let (chunk, offset) = roomForRecord()
        if let posix {
            let (side, allocated) = chunk.sideTable()
            (side + offset).initialize(to: posix)
            memoryBytes += allocated
            record.form |= EntryRecord.hasPOSIX
        }
        (chunk.records + offset).initialize(to: record)
        count += 1
        if record.kind == EntryKind.directory.rawValue { directoryCount += 1 }
    }

    /// Finds room in the arena; an entry's text never crosses the end of a chunk.
    private mutating func reserve(_ bytes: Int) -> UInt32? {
        if arenaChunks.last.map({ arenaUsed + bytes > $0.capacity }) ?? true {
            guard arenaChunks.count < Self.arenaChunksMaximum else { return nil }
            let grown = min(512 << (2 * min(arenaChunks.count, 4)), Self.arenaChunkMaximum)
            let chunk = ArenaChunk(capacity: max(grown, bytes))
            arenaChunks.append(chunk)
            memoryBytes += chunk.capacity + 64
            arenaUsed = 0
        }
        defer { arenaUsed += bytes }
        return UInt32(arenaChunks.count - 1) << 16 | UInt32(arenaUsed)
    }

    private mutating func roomForRecord() -> (RecordChunk, offset: Int) {
        let (number, offset) = Self.place(of: count)
        if number == recordChunks.count {
            let chunk = RecordChunk(capacity: number == 0 ? 16 : 8 << min(number, 8))
            recordChunks.append(chunk)
            memoryBytes += chunk.capacity * MemoryLayout<EntryRecord>.stride + 64
        }
        return (recordChunks[number], offset)
    }
}
