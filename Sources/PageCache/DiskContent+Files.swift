import CLinux
import Glibc
import Pages
import Synchronization

// Looking up, making and removing the two files of a version. Everything here that touches names holds the
// version's stripe.
extension DiskContent {
    func prepare(_ granules: Range<Int>) {
        guard !state.withLock({ $0.isPrepared(granules) }) else { return }
        withNames {
            if !state.withLock({ $0.isLookedUp }) { lookUp(granules) }
            let missing = state.withLock { state in
                state.hasAllGroups
                    ? [] : DiskState.groups(of: granules).filter { !state.loadedGroups.contains($0) }
            }
            guard !missing.isEmpty else { return }
            let record = linux_open_at(store.directory.descriptor, recordPath, O_RDONLY | O_NOFOLLOW, 0)
            let descriptor = record >= 0 ? Descriptor(record) : nil
            for group in missing { load(group, from: descriptor) }
        }
    }

    /// Looks for the record and the data file, and reads the entries for a run of granules.
    private func lookUp(_ granules: Range<Int>) {
        guard !store.isKnownAbsent(key) else { return state.withLock { $0.reset() } }
        guard let record = openRecordForReading() else { return }
        var bytes = [UInt8](repeating: 0, count: min(CacheLimits.headerBytesMaximum, 4096))
        var count = linux_pread_all(record.number, &bytes, bytes.count, 0)
        if count == bytes.count, CacheRecord.headerBytes(of: version) > bytes.count {
            bytes = [UInt8](repeating: 0, count: CacheLimits.headerBytesMaximum)
            count = linux_pread_all(record.number, &bytes, bytes.count, 0)
        }
        guard count >= 0 else { return foundNothing(failed: "read a record", Int32(count)) }
        let found = bytes.withUnsafeBytes { bytes in
            try? CacheRecord.header(UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(count))))
        }
        guard let header = found else {
            store.droppedCorrupt("record", recordPath)
            removeFiles()
            return
        }
        let data = linux_open_at(store.directory.descriptor, dataPath, O_RDWR | O_NOFOLLOW, 0)
        guard data >= 0 else {
            removeFiles()
            return
        }
        let descriptor = Descriptor(data)
        var status = stat()
        guard header.version == version, fstat(data, &status) == 0,
            UInt64(status.st_ino) == header.inode, Int64(status.st_size) == size
        else {
            store.droppedCorrupt("identity", recordPath)
            removeFiles()
            return
        }
        let age = DiskStore.now
        store.usage.withLock {
            $0.discover(key, bytes: Int64(status.st_blocks) * 512, lastUse: age)
            $0.touch(key, at: age)
        }
        state.withLock { state in
            state.isLookedUp = true
            state.inode = header.inode
            state.nonce = header.nonce
            state.hasRecord = true
            state.descriptor = descriptor
        }
        for group in DiskState.groups(of: granules) { load(group, from: record) }
        store.descriptors.add(self)
    }

    private func openRecordForReading() -> Descriptor? {
        let record = linux_open_at(store.directory.descriptor, recordPath, O_RDONLY | O_NOFOLLOW, 0)
        if record >= 0 { return Descriptor(record) }
        if record == -ENOENT {
            state.withLock { $0.reset() }
        } else {
            foundNothing(failed: "open a record", record)
        }
        return nil
    }

    /// The record cannot be read now: nothing is present, and nothing is written over what may be there.
    private func foundNothing(failed what: String, _ result: Int32) {
        store.failed(what, result)
        state.withLock { state in
            state.reset()
            state.isBroken = true
        }
    }

    /// Reads a group of region entries.
    ///
    /// Nothing is present of those that fail their check.
    private func load(_ group: Int, from record: Descriptor?) {
        let header = state.withLock {
            CacheRecord.Header(
                version: version,
                inode: $0.inode,
                nonce: $0.nonce,
                headerBytes: CacheRecord.headerBytes(of: version)
            )
        }
        let all = CacheRecord.regionCount(size: size)
        let range = group * DiskState.groupRegions..<min((group + 1) * DiskState.groupRegions, all)
        guard !range.isEmpty else { return }
        var bytes = [UInt8](repeating: 0, count: range.count * CacheRecord.entryBytes)
        if let record {
            let offset = CacheRecord.entryOffset(range.lowerBound, headerBytes: header.headerBytes)
            let count = linux_pread_all(record.number, &bytes, bytes.count, offset)
            if count < 0 { store.failed("read a record", Int32(count)) }
        }
        var found: [CacheRecord.Entry] = []
        var damaged = 0
        bytes.withUnsafeBytes { bytes in
            for region in range {
                let start = (region - range.lowerBound) * CacheRecord.entryBytes
                let slice = UnsafeRawBufferPointer(rebasing: bytes[start..<start + CacheRecord.entryBytes])
                guard slice.contains(where: { $0 != 0 }) else { continue }
                do throws(CacheRecordError) {
                    found.append(try CacheRecord.entry(slice, region: region, of: header))
                } catch {
                    damaged += 1
                }
            }
        }
        if damaged > 0 { store.droppedCorrupt("region entry", recordPath, count: damaged) }
        install(found, of: group)
    }

    private func install(_ entries: [CacheRecord.Entry], of group: Int) {
        let boot = store.directory.boot
        state.withLock { state in
            guard state.loadedGroups.insert(group).inserted else { return }
            for entry in entries where entry.present != SIMD4() {
                var region = DiskState.Region()
                region.present = entry.present
                if entry.boot == boot { region.trusted = entry.trusted }
                state.regions[entry.region] = region
            }
        }
    }

    /// Removes both files, the record first, and forgets what was in them.
    ///
    /// The caller holds the stripe.
    /// - Returns: Bytes freed.
    @discardableResult
    func removeFiles() -> Int64 {
        let old = state.withLock { state in
            let old = state.descriptor
            state.reset()
            return old
        }
        store.descriptors.remove(self)
        withExtendedLifetime(old) {}
        guard store.unlinkFiles(of: key) == 0 else {
            state.withLock { $0.isBroken = true }
            return 0
        }
        return store.usage.withLock { $0.remove(key) }
    }

    /// Opens the data file, or makes it when there is none and something is to be written.
    /// - Parameter granules: What will be written; nil to read.
    /// - Returns: `nil` if that failed, which was counted.
    func openDataFile(toWrite granules: Range<Int>? = nil) -> Descriptor? {
        if let descriptor = state.withLock({ $0.descriptor }) { return descriptor }
        return withNames {
            let (open, inode, isBroken) = state.withLock { ($0.descriptor, $0.inode, $0.isBroken) }
            if let open { return open }
            guard !isBroken else { return nil }
            let descriptor = inode == 0 ? granules.flatMap(makeDataFile) : reopenDataFile(inode)
            guard let descriptor else { return nil }
            store.descriptors.add(self)
            return descriptor
        }
    }

    private func reopenDataFile(_ inode: UInt64) -> Descriptor? {
        let data = linux_open_at(store.directory.descriptor, dataPath, O_RDWR | O_NOFOLLOW, 0)
        guard data >= 0 else {
            store.failed("open a data file", data)
            if data == -ENOENT { removeFiles() }
            return nil
        }
        let descriptor = Descriptor(data)
        var status = stat()
        guard fstat(data, &status) == 0, UInt64(status.st_ino) == inode else {
            store.droppedCorrupt("identity", dataPath)
            removeFiles()
            return nil
        }
        state.withLock { $0.descriptor = descriptor }
        return descriptor
    }

    private func makeDataFile(_ granules: Range<Int>) -> Descriptor? {
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW
        let path = dataPath
        var data = linux_open_at(store.directory.descriptor, path, flags, 0o600)
        if data == -ENOENT {
            _ = mkdirat(store.directory.descriptor, String(path.prefix(2)), 0o700)
            data = linux_open_at(store.directory.descriptor, path, flags, 0o600)
        }
        guard data >= 0 else {
            store.failed("make a data file", data)
            return nil
        }
        let descriptor = Descriptor(data)
        var status = stat()
        // One write of the whole file gives it its length; anything else needs it now, for the record to be
        // believed.
        let isWhole =
            granules.count == Granule.count(size: size) && size <= CacheLimits.writeBytes
        guard fstat(data, &status) == 0, isWhole || ftruncate(data, off_t(size)) == 0 else {
            store.failed("make a data file", -errno)
            return nil
        }
        store.usage.withLock { $0.discover(key, bytes: 0, lastUse: DiskStore.now) }
        let nonce = store.nextNonce()
        state.withLock { state in
            state.inode = UInt64(status.st_ino)
            state.nonce = nonce
            state.descriptor = descriptor
        }
        return descriptor
    }
}
