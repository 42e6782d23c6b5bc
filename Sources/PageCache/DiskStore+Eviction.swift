import CoreMetrics
import CLinux
import Glibc
import Pages
import Synchronization

// Making room, and finding out what an earlier process has left.
extension DiskStore {
    /// Frees bytes, the longest unused first.
    ///
    /// Does nothing while another thread is at it.
    /// - Parameter wanted: Bytes to free; more may go.
    func evict(_ wanted: Int64) {
        guard wanted > 0, !isEvicting.exchange(true, ordering: .acquiring) else { return }
        defer { isEvicting.store(false, ordering: .releasing) }
        // The table does not hear of every read.
        for file in files.files {
            guard let content = file.content as? DiskContent else { continue }
            usage.withLock { $0.touch(file.key, at: content.lastUse) }
        }
        var freed: Int64 = 0
        for candidate in usage.withLock({ $0.oldest(wanted, now: Self.now) }) where freed < wanted {
            freed += evict(candidate, wanted - freed)
        }
        metrics.evictedBytes.increment(by: freed)
    }

    private func evict(_ candidate: UsageTable.Candidate, _ wanted: Int64) -> Int64 {
        let isWhole = candidate.bytes <= max(CacheLimits.wholeEvictionBytes, wanted)
        if let file = files.file(for: candidate.key) { return evict(file, isWhole: isWhole, wanted) }
        if isWhole { return evictClosed(candidate.key) }
        guard let version = recordedVersion(candidate.key) else { return evictClosed(candidate.key) }
        let key = candidate.key
        // The table keeps it while it works, so that nobody else opens a second book of the same version.
        let file = files.borrow(version, key) { DiskContent(version: version, key: key, store: self) }
        defer { files.giveBack(file) }
        return evict(file, isWhole: false, wanted)
    }

    private func evict(_ file: CachedFile, isWhole: Bool, _ wanted: Int64) -> Int64 {
        guard let content = file.content as? DiskContent else { return 0 }
        let all = 0..<Granule.count(size: file.version.size)
        var freed: Int64 = 0
        // A whole version that is being read further is better thinned than lost.
        if isWhole, file.withNobodyFetching(all, { freed = content.discard() }) { return freed }
        content.prepare(all)
        var runs: [Range<Int>] = []
        for region in content.state.withLock({ $0.coldest(wanted, now: Self.now) }) {
            runs.appendGranules(region..<region + 1)
        }
        for run in runs {
            let first = run.lowerBound * CacheRecord.regionGranules
            let granules = (first..<first + run.count * CacheRecord.regionGranules).clamped(to: all)
            _ = file.withNobodyFetching(granules) { freed += content.punch(run) }
        }
        return freed
    }

    /// Removes a version that nobody has open.
    private func evictClosed(_ key: VersionKey) -> Int64 {
        withNames(of: key) {
            guard files.file(for: key) == nil, unlinkFiles(of: key) == 0 else { return 0 }
            return usage.withLock { $0.remove(key) }
        }
    }

    /// Removes the files of a version, the record first.
    ///
    /// The caller holds the stripe.
    /// - Returns: 0, also when there were none, or `-errno`.
    func unlinkFiles(of key: VersionKey) -> Int32 {
        for ending in [".record", ".data"] where unlinkat(directory.descriptor, key.path + ending, 0) != 0 {
            let result = -errno
            guard result == -ENOENT else {
                failed("remove a cache file", result)
                hasUnknownFiles.store(true, ordering: .releasing)
                return result
            }
        }
        return 0
    }

    /// Whose files they are, as their record says.
    private func recordedVersion(_ key: VersionKey) -> FileVersion? {
        let record = linux_open_at(directory.descriptor, key.path + ".record", O_RDONLY | O_NOFOLLOW, 0)
        guard record >= 0 else { return nil }
        defer { close(record) }
        var bytes = [UInt8](repeating: 0, count: CacheLimits.headerBytesMaximum)
        let count = Int(linux_pread_all(record, &bytes, bytes.count, 0))
        guard count > 0 else { return nil }
        let header = bytes.withUnsafeBytes {
            try? CacheRecord.header(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
        guard let version = header?.version, VersionKey(version) == key else { return nil }
        return version
    }

    // MARK: - Restoring

    /// Enters what an earlier process has left into the usage table, bucket by bucket, and removes halves.
    /// - Parameter milliseconds: How long to go on; the next call goes on where this one stopped.
    /// - Returns: Whether all is entered.
    @discardableResult
    func restore(within milliseconds: UInt32) -> Bool {
        let begin = Self.now
        while true {
            let bucket = restoredBuckets.withLock { next in
                defer { next = min(next + 1, 257) }
                return next
            }
            guard bucket < 256 else { return true }
            restoreBucket(bucket)
            enteredBuckets.add(1, ordering: .releasing)
            guard Self.now &- begin <= milliseconds else { return bucket == 255 }
        }
    }

    /// Removes a data file without record, or a record without data file, unless it is being written just
    /// now.
    private func removeHalf(_ key: VersionKey) {
        withNames(of: key) {
            if files.file(for: key) == nil {
                _ = unlinkFiles(of: key)
            } else if usage.withLock({ $0.entries[key] == nil }) {
                hasUnknownFiles.store(true, ordering: .releasing)
            }
        }
    }

    private func restoreBucket(_ bucket: Int) {
        let digits = String(bucket, radix: 16)
        let name = digits.count == 1 ? "0" + digits : digits
        guard let names = DirectoryScan.names(name, below: directory.descriptor) else {
            hasUnknownFiles.store(true, ordering: .releasing)
            return failed("list a bucket", -errno)
        }
        let records = Set(names.lazy.filter { $0.hasSuffix(".record") }.map { $0.dropLast(7) })
        let data = Set(names.lazy.filter { $0.hasSuffix(".data") }.map { $0.dropLast(5) })
        let now = Self.now
        let wallTime = time(nil)
        for stem in records.union(data) {
            guard let key = VersionKey(hexadecimal: name + stem), key.bucket == bucket else { continue }
            guard records.contains(stem), data.contains(stem) else {
                removeHalf(key)
                continue
            }
            var status = stat()
            guard fstatat(directory.descriptor, "\(name)/\(stem).data", &status, AT_SYMLINK_NOFOLLOW) == 0
            else {
                if errno != ENOENT { hasUnknownFiles.store(true, ordering: .releasing) }
                continue
            }
            let used = max(status.st_atim.tv_sec, status.st_mtim.tv_sec)
            // Ages beyond some weeks are all the same, and must not wrap.
            let age = UInt32(clamping: min(max(0, wallTime - used), 30 * 86400)) * 1000
            usage.withLock {
                $0.discover(key, bytes: Int64(status.st_blocks) * 512, lastUse: now &- age)
            }
        }
    }
}
