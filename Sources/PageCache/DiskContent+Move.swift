import CLinux
import Glibc
import Pages
import Synchronization

// Giving the files of a version to another version that has the same bytes.
//
// The new record is written whole before the data file gets its new name, and the old record goes last. So a
// process that dies on the way leaves a pair that is true, and at most one record without a data file, which
// the next process removes.
extension DiskContent {
    func beginMove() -> Bool {
        prepare(0..<Granule.count(size: size))
        _ = writeRecord()
        for _ in 0..<CacheLimits.moveWaitMilliseconds {
            let isMine = state.withLock { state in
                guard !state.isRecordBusy else { return false }
                state.isRecordBusy = true
                return true
            }
            if isMine { return true }
            usleep(1000)
        }
        return false
    }

    func endMove() {
        let isDirty = state.withLock { state in
            state.isRecordBusy = false
            return state.isDirty
        }
        if isDirty { store.noteDirty(self) }
    }

    func move(to version: FileVersion) {
        let (old, new) = (key, VersionKey(version))
        store.withNames(of: old, and: new) {
            let result = moveFiles(to: version, new)
            if result != 0 {
                store.failed("move a cache file", result)
                // Nothing may be left that belongs to no name, so it is lost.
                removeFiles()
                _ = store.unlinkFiles(of: new)
            }
            store.usage.withLock { usage in
                usage.rename(old, to: new)
                rename(to: version, new)
            }
        }
        endMove()
    }

    /// - Returns: 0 or `-errno`; then the new names may be there.
    private func moveFiles(to version: FileVersion, _ new: VersionKey) -> Int32 {
        guard CacheRecord.headerBytes(of: version) <= CacheLimits.headerBytesMaximum else {
            return -ENAMETOOLONG
        }
        // What an earlier process may have left of the new version.
        let removed = store.unlinkFiles(of: new)
        guard removed == 0, state.withLock({ $0.inode }) != 0 else { return removed }
        let directory = store.directory.descriptor
        let written = writeRecord(of: version, to: new.path + ".record")
        guard written == 0 else { return written }
        guard renameat(directory, dataPath, directory, new.path + ".data") == 0 else { return -errno }
        if unlinkat(directory, recordPath, 0) != 0, errno != ENOENT {
            store.failed("remove a cache file", -errno)
            store.hasUnknownFiles.store(true, ordering: .releasing)
        }
        state.withLock { $0.hasRecord = true }
        return 0
    }

    /// Writes a whole record: head, entries of what is present, and the checksums that the old one has.
    ///
    /// Those that are not recorded yet follow with the next record.
    /// - Returns: 0 or `-errno`.
    private func writeRecord(of version: FileVersion, to path: String) -> Int32 {
        let boot = store.directory.boot
        let (header, entries, hasOld) = state.withLock { state in
            let entries = state.regions.sorted { $0.key < $1.key }.map { region, held in
                (region, encoded(held, region, boot, state.nonce))
            }
            let header = CacheRecord.encode(version, inode: state.inode, nonce: state.nonce)
            return (header, entries, state.hasRecord)
        }
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW
        var record = linux_open_at(store.directory.descriptor, path, flags, 0o600)
        if record == -ENOENT {
            _ = mkdirat(store.directory.descriptor, String(path.prefix(2)), 0o700)
            record = linux_open_at(store.directory.descriptor, path, flags, 0o600)
        }
        guard record >= 0 else { return record }
        defer { close(record) }
        var writer = RunWriter(descriptor: record)
        writer.add(header, at: 0)
        for (region, bytes) in entries {
            writer.add(bytes, at: CacheRecord.entryOffset(region, headerBytes: header.count))
        }
        let result = writer.finish()
        guard result == 0, hasOld else { return result }
        return copyChecksums(of: entries.map(\.0), to: record, headerBytes: header.count)
    }

    /// - Returns: 0 or `-errno`.
    private func copyChecksums(of regions: [Int], to record: Int32, headerBytes: Int) -> Int32 {
        let old = linux_open_at(store.directory.descriptor, recordPath, O_RDONLY | O_NOFOLLOW, 0)
        guard old >= 0 else { return old }
        defer { close(old) }
        let oldHeaderBytes = CacheRecord.headerBytes(of: version)
        var runs: [Range<Int>] = []
        for region in regions { runs.appendGranules(region..<region + 1) }
        var buffer = [UInt8](repeating: 0, count: CacheLimits.writeBytes)
        let step = CacheLimits.writeBytes / 4
        for run in runs {
            let granules =
                run.lowerBound * CacheRecord.regionGranules..<run.upperBound * CacheRecord.regionGranules
            for first in stride(from: granules.lowerBound, to: granules.upperBound, by: step) {
                let count = min(step, granules.upperBound - first) * 4
                let from = CacheRecord.checksumOffset(first, headerBytes: oldHeaderBytes, size: size)
                let got = linux_pread_all(old, &buffer, count, from)
                guard got > 0 else {
                    // The record ends with the checksum of the last granule that it has.
                    if got < 0 { return Int32(got) }
                    break
                }
                let to = CacheRecord.checksumOffset(first, headerBytes: headerBytes, size: size)
                let result = linux_pwrite_all(record, buffer, Int(got), to)
                guard result == 0 else { return result }
            }
        }
        return 0
    }
}
