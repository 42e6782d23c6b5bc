import Glibc

/// Finds entries by name: open addressing over entry numbers, 4 bytes a slot, at most three quarters full.
///
/// Read and inserted into with the listing's lock held. Only the thread that reads a page inserts, so that
/// thread may also read it without the lock, to make a larger copy.
// Safety: `slots` is written only under the listing's lock (or before anyone else has the object), and read
// under the lock or by the only thread that writes it.
final class NameIndex: @unchecked Sendable {
    private let slots: UnsafeMutablePointer<UInt32>
    private let mask: Int

    /// Entries that fit.
    var entriesMaximum: Int { (mask + 1) / 4 * 3 }
    /// What the slots take, in bytes.
    var memoryBytes: Int { (mask + 1) * MemoryLayout<UInt32>.stride + 64 }

    /// Makes an empty index.
    /// - Parameter entries: How many entries must fit.
    init(for entries: Int) {
        var capacity = 16
        while capacity / 4 * 3 < entries { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: 0, count: capacity)
    }

    deinit {
        slots.deallocate()
    }

    /// The entry with a name, or nil.
    func find(_ name: UnsafeRawBufferPointer, hash: UInt32, in table: borrowing EntryTable) -> Int? {
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if table.hash(at: index) == hash, Self.areEqual(table.name(at: index), name) { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private static func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count, let first = one.baseAddress, let second = other.baseAddress else {
            return false
        }
        return memcmp(first, second, one.count) == 0
    }

    /// Adds an entry whose name is not in the index.
    func insert(_ index: Int, hash: UInt32) {
        var slot = Int(hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(index + 1)
    }

    /// An index with the same entries and room for more.
    func grown(for entries: Int, of table: EntryTable) -> NameIndex {
        let larger = NameIndex(for: max(entries, entriesMaximum + 1))
        for index in 0..<table.count { larger.insert(index, hash: table.hash(at: index)) }
        return larger
    }
}
