/// How many bytes each version has on disk, and when it was last used.
///
/// A pure value; times are ``linux_coarse_milliseconds`` and wrap, so only differences to now mean something.
struct UsageTable {
    /// What is known of one version.
    struct Usage {
        /// Bytes on disk, the record counted as one granule.
        var bytes: Int64
        /// When it was last used.
        var lastUse: UInt32
    }

    /// A version that can go.
    struct Candidate: Hashable, Sendable {
        let key: VersionKey
        let bytes: Int64
    }

    private(set) var entries: [VersionKey: Usage] = [:]
    /// Bytes on disk in all.
    private(set) var usedBytes: Int64 = 0
    /// Bytes that admissions under way may still write.
    private(set) var reservedBytes: Int64 = 0

    /// What a record costs on disk.
    static let recordBytes = Int64(Granule.bytes)
    private static let ageBins = 256

    /// Enters a version that is not known yet.
    mutating func discover(_ key: VersionKey, bytes: Int64, lastUse: UInt32) {
        guard entries[key] == nil else { return }
        entries[key] = Usage(bytes: bytes + Self.recordBytes, lastUse: lastUse)
        usedBytes += bytes + Self.recordBytes
    }

    /// Adds bytes to a known version, or takes them away.
    mutating func add(_ bytes: Int64, to key: VersionKey, at time: UInt32) {
        guard let usage = entries[key] else { return }
        let sum = max(Self.recordBytes, usage.bytes + bytes)
        entries[key] = Usage(bytes: sum, lastUse: time)
        usedBytes += sum - usage.bytes
    }

    /// Notes a use.
    mutating func touch(_ key: VersionKey, at time: UInt32) {
        entries[key]?.lastUse = time
    }

    /// Gives the bytes of a version to another one, whose own are gone.
    mutating func rename(_ key: VersionKey, to other: VersionKey) {
        remove(other)
        entries[other] = entries.removeValue(forKey: key)
    }

    /// Forgets a version that is gone from the disk.
    /// - Returns: The bytes it had.
    @discardableResult
    mutating func remove(_ key: VersionKey) -> Int64 {
        guard let usage = entries.removeValue(forKey: key) else { return 0 }
        usedBytes -= usage.bytes
        return usage.bytes
    }

    /// Sets bytes aside for an admission.
    /// - Returns: `false` if the sum would pass the limit.
    mutating func reserve(_ bytes: Int64, limit: Int64) -> Bool {
        guard usedBytes + reservedBytes + bytes <= limit else { return false }
        reservedBytes += bytes
        return true
    }

    /// Ends a reservation, or the part of it that was written.
    mutating func unreserve(_ bytes: Int64) {
        reservedBytes -= bytes
    }

    /// The versions that were not used for longest.
    /// - Parameters:
    ///   - wanted: Bytes that they should have together.
    ///   - now: The present time.
    /// - Returns: Oldest first; all versions if they are not enough.
    func oldest(_ wanted: Int64, now: UInt32) -> [Candidate] {
        let ageMaximum = entries.values.reduce(0) { max($0, now &- $1.lastUse) }
        let width = ageMaximum / UInt32(Self.ageBins) + 1
        // A histogram of bytes by age finds the cut without sorting everything.
        var bins = [Int64](repeating: 0, count: Self.ageBins)
        for usage in entries.values { bins[Int((now &- usage.lastUse) / width)] += usage.bytes }
        var cut = Self.ageBins - 1
        var sum = bins[cut]
        while cut > 0, sum < wanted {
            cut -= 1
            sum += bins[cut]
        }
        let old = entries.filter { Int((now &- $0.value.lastUse) / width) >= cut }
        return old.sorted { now &- $0.value.lastUse > now &- $1.value.lastUse }
            .map { Candidate(key: $0.key, bytes: $0.value.bytes) }
    }
}
