/// One entry's fixed part, 32 bytes.
///
/// Name and etag lie in the arena, one after the other.
struct EntryRecord {
    /// Where the name starts: chunk number times 64 KiB plus offset.
    var address: UInt32
    /// Length of the name in bytes.
    var nameCount: UInt16
    /// ``EntryKind``, as its raw value.
    var kind: UInt8
    /// ``PackedETag/form``, plus ``hasPOSIX``.
    var form: UInt8
    /// Length in bytes.
    var size: Int64
    /// Last change, nanoseconds since 1970.
    var modified: Int64
    /// ``NameHash`` of the name.
    var hash: UInt32
    /// ``PackedETag/detail``.
    var etagDetail: UInt32

    /// The bit of ``form`` that says that the side table has native attributes.
    static let hasPOSIX: UInt8 = 0x80
}

/// Room for a run of records, and for their native attributes where a store has them.
// Safety: a record below the count of any published table is never written again, and `posix` is set before
// the first record that has native attributes is published; everything above belongs to the one appender.
final class RecordChunk: @unchecked Sendable {
    let records: UnsafeMutablePointer<EntryRecord>
    private(set) var posix: UnsafeMutablePointer<POSIXAttributes>?
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        records = .allocate(capacity: capacity)
    }

    deinit {
        posix?.deallocate()
        records.deallocate()
    }

    /// The side table, made on first use.
    /// - Returns: The table, and the bytes that were allocated for it by this call.
    func sideTable() -> (UnsafeMutablePointer<POSIXAttributes>, allocatedBytes: Int) {
        if let posix { return (posix, 0) }
        let made = UnsafeMutablePointer<POSIXAttributes>.allocate(capacity: capacity)
        posix = made
        return (made, capacity * MemoryLayout<POSIXAttributes>.stride)
    }
}

/// Room for names and etags.
// Safety: bytes that a published record refers to are never written again; the rest belongs to the one
// appender.
final class ArenaChunk: @unchecked Sendable {
    let bytes: UnsafeMutableRawPointer
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        bytes = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit {
        bytes.deallocate()
    }
}
