import CLinux
import Glibc
import Pages
import Synchronization

// Writing the record, checking granules of another boot, and giving up regions.
extension DiskContent {
    private struct Changes: Sendable {
        let header: [UInt8]?
        let entries: [(region: Int, bytes: [UInt8])]
        let checksums: [DiskState.Checksums]
        let dirty: Set<Int>
    }

    /// Writes what changed to the record.
    ///
    /// The data that it speaks of was written before.
    /// - Returns: `false` if another thread is at it or it failed, so that it must be tried again.
    func writeRecord() -> Bool {
        guard let changes = takeChanges() else { return state.withLock { !$0.isDirty } }
        let result = write(changes)
        state.withLock { state in
            state.isRecordBusy = false
            if result == 0 {
                state.hasRecord = state.hasRecord || changes.header != nil
            } else {
                // Lost checksums only mean that the granules do not outlive this boot.
                state.dirtyRegions.formUnion(changes.dirty)
            }
        }
        if result != 0 { store.failed("write a record", result) }
        return result == 0
    }

    private func takeChanges() -> Changes? {
        let boot = store.directory.boot
        return state.withLock { state in
            guard state.isDirty, !state.isRecordBusy, state.inode != 0 else { return nil }
            state.isRecordBusy = true
            defer {
                state.dirtyRegions = []
                state.pending = []
                state.pendingCount = 0
            }
            let header =
                state.hasRecord
                ? nil : CacheRecord.encode(version, inode: state.inode, nonce: state.nonce)
            let entries = state.dirtyRegions.sorted().map { region in
                (region, encoded(state.regions[region], region, boot, state.nonce))
            }
            return Changes(
                header: header,
                entries: entries,
                checksums: state.pending.sorted { $0.first < $1.first },
                dirty: state.dirtyRegions
            )
        }
    }

    func encoded(
        _ held: DiskState.Region?,
        _ region: Int,
        _ boot: [UInt8],
        _ nonce: UInt64
    ) -> [UInt8] {
        let held = held ?? DiskState.Region()
        return CacheRecord.encode(
            CacheRecord.Entry(region: region, boot: boot, present: held.present, trusted: held.trusted),
            nonce: nonce
        )
    }

    /// - Returns: 0 or `-errno`.
    private func write(_ changes: Changes) -> Int32 {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | (changes.header == nil ? 0 : O_TRUNC)
        let record = linux_open_at(store.directory.descriptor, recordPath, flags, 0o600)
        guard record >= 0 else { return record }
        defer { close(record) }
        let headerBytes = CacheRecord.headerBytes(of: version)
        var writer = RunWriter(descriptor: record)
        if let header = changes.header { writer.add(header, at: 0) }
        for entry in changes.entries where changes.header != nil && entry.region == 0 {
            writer.add(entry.bytes, at: CacheRecord.entryOffset(0, headerBytes: headerBytes))
        }
        for run in changes.checksums {
            let offset = CacheRecord.checksumOffset(run.first, headerBytes: headerBytes, size: size)
            writer.add(
                run.sums.flatMap { sum in (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) } },
                at: offset
            )
        }
        for entry in changes.entries where changes.header == nil || entry.region != 0 {
            writer.add(entry.bytes, at: CacheRecord.entryOffset(entry.region, headerBytes: headerBytes))
        }
        return writer.finish()
    }

    // MARK: - Checking

    /// Checks granules that were written under another boot, and drops those that fail.
    /// - Returns: `false` if that could not be done.
    func check(_ granules: Range<Int>) -> Bool {
        guard let data = openDataFile() else { return false }
        // Together, since a move changes both.
        let (record, headerBytes) = withNames {
            (
                linux_open_at(store.directory.descriptor, recordPath, O_RDONLY | O_NOFOLLOW, 0),
                CacheRecord.headerBytes(of: version)
            )
        }
        guard record >= 0 else {
            store.failed("open a record", record)
            return false
        }
        defer { close(record) }
        let incarnation = state.withLock { $0.incarnation }
        let step = CacheLimits.writeBytes / Granule.bytes
        let buffer = store.buffers.take(CacheLimits.writeBytes)
        defer { store.buffers.giveBack(buffer) }
        var first = granules.lowerBound
        while first < granules.upperBound {
            let part = first..<min(first + step, granules.upperBound)
            let good = matching(part, data, (record, headerBytes), buffer)
            let dropped = state.withLock { state -> Int in
                guard state.incarnation == incarnation else { return 0 }
                return state.settle(part, good: good)
            }
            if dropped > 0 { lost(dropped) }
            first = part.upperBound
        }
        store.noteDirty(self)
        return true
    }

    private func lost(_ granules: Int) {
        store.droppedCorrupt("granule", dataPath, count: granules)
        store.usage.withLock { $0.add(-Int64(granules * Granule.bytes), to: key, at: DiskStore.now) }
    }

    /// Which granules of a run have the checksum of the record.
    private func matching(
        _ part: Range<Int>,
        _ data: Descriptor,
        _ record: (descriptor: Int32, headerBytes: Int),
        _ buffer: WriteBuffer
    ) -> [Bool] {
        var wanted = [UInt32](repeating: 0, count: part.count)
        let place = CacheRecord.checksumOffset(
            part.lowerBound,
            headerBytes: record.headerBytes,
            size: size
        )
        let span = Granule.span(of: part, size: size)
        let got = linux_pread_all(record.descriptor, &wanted, part.count * 4, place)
        let count = linux_pread_all(data.number, buffer.bytes.baseAddress, span.count, span.offset)
        guard got >= 0, count >= 0 else {
            store.failed("check cached bytes", Int32(min(got, count)))
            return part.map { _ in false }
        }
        var sums = [UInt32](repeating: 0, count: part.count)
        linux_crc32c_pieces(buffer.bytes.baseAddress, Int(count), Granule.bytes, &sums)
        return part.indices.map { granule in
            let index = granule - part.lowerBound
            let end = min((index + 1) * Granule.bytes, span.count)
            return end <= Int(count) && (index + 1) * 4 <= Int(got)
                && sums[index] == UInt32(littleEndian: wanted[index])
        }
    }

    // MARK: - Eviction

    /// Gives up regions that nobody reads: their entries first, then their bytes.
    ///
    /// Nobody may be fetching there.
    /// - Returns: Bytes freed.
    func punch(_ range: Range<Int>) -> Int64 {
        guard let data = openDataFile() else { return 0 }
        let boot = store.directory.boot
        let taken = state.withLock { state -> (regions: [Int], granules: Int, changes: Changes?)? in
            guard !state.isRecordBusy else { return nil }
            let (regions, granules) = state.drop(range)
            guard !regions.isEmpty else { return nil }
            state.isRecordBusy = true
            state.dirtyRegions.subtract(regions)
            guard state.hasRecord else { return (regions, granules, nil) }
            let entries = regions.map { ($0, encoded(nil, $0, boot, state.nonce)) }
            return (regions, granules, Changes(header: nil, entries: entries, checksums: [], dirty: []))
        }
        guard let taken else { return 0 }
        defer { state.withLock { $0.isRecordBusy = false } }
        if let changes = taken.changes {
            let result = write(changes)
            guard result == 0 else {
                store.failed("write a record", result)
                giveUp()
                return 0
            }
        }
        var runs: [Range<Int>] = []
        for region in taken.regions { runs.appendGranules(region..<region + 1) }
        for run in runs {
            let start = Int64(run.lowerBound) * CacheRecord.regionBytes
            let result = linux_punch_hole(data.number, start, Int64(run.count) * CacheRecord.regionBytes)
            if result != 0 { store.failed("punch a hole", result) }
        }
        let bytes = Int64(taken.granules * Granule.bytes)
        store.usage.withLock { $0.add(-bytes, to: key, at: lastUse) }
        return bytes
    }

    /// A record that still names bytes which are no longer there must not stay: the files go instead.
    private func giveUp() {
        withNames { _ = removeFiles() }
    }

    /// Gives up the whole version: loans go on with the removed file.
    ///
    /// Nobody may be fetching it.
    /// - Returns: Bytes freed.
    func discard() -> Int64 {
        let isMine = state.withLock { state in
            guard !state.isRecordBusy else { return false }
            state.isRecordBusy = true
            return true
        }
        guard isMine else { return 0 }
        defer { state.withLock { $0.isRecordBusy = false } }
        return withNames { removeFiles() }
    }
}

extension DiskState {
    /// Enters the outcome of a check.
    /// - Returns: How many granules were dropped.
    mutating func settle(_ granules: Range<Int>, good: [Bool]) -> Int {
        var dropped = 0
        for granule in granules {
            let region = granule / CacheRecord.regionGranules
            let bit = Self.mask(granule..<granule + 1, in: region)
            // What another thread has settled, or has written anew, stays as it is.
            guard let held = regions[region], held.present & ~held.trusted & bit == bit else { continue }
            if good[granule - granules.lowerBound] {
                regions[region]?.trusted |= bit
            } else {
                regions[region]?.present &= ~bit
                dropped += 1
            }
            dirtyRegions.insert(region)
        }
        return dropped
    }
}

/// Writes pieces of a file, neighbours with one call.
struct RunWriter {
    let descriptor: Int32
    private var bytes: [UInt8] = []
    private var start: Int64 = 0
    private var result: Int32 = 0

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    mutating func add(_ more: [UInt8], at offset: Int64) {
        if offset != start + Int64(bytes.count) {
            flush()
            start = offset
        }
        bytes += more
    }

    private mutating func flush() {
        if !bytes.isEmpty, result == 0 {
            result = linux_pwrite_all(descriptor, bytes, bytes.count, start)
        }
        bytes = []
    }

    /// - Returns: 0 or `-errno` of the first call that failed.
    mutating func finish() -> Int32 {
        flush()
        return result
    }
}
