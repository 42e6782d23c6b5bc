/// The book of one version on disk.
///
/// A pure value under the lock of its ``DiskContent``.
struct DiskState {
    /// What is known of 1 MiB of the file.
    struct Region {
        /// Granules that are in the data file.
        var present = SIMD4<UInt64>()
        /// Those of them that this boot has written or checked.
        var trusted = SIMD4<UInt64>()
        /// When it was last read or written.
        var lastUse: UInt32 = 0
        /// Readers that have it on loan.
        var lent: UInt32 = 0
        /// Whether anybody has read of it since it was filled.
        var isRead = false
    }

    /// A run of checksums that the record does not have yet.
    struct Checksums {
        let first: Int
        var sums: [UInt32]
    }

    /// What stands in the way of a read.
    enum Loan {
        case lent(Descriptor, incarnation: UInt32)
        /// A granule is not there.
        case missing
        /// The record was not looked at yet.
        case unprepared
        /// A granule was written under another boot and must be checked.
        case unchecked
        /// The data file is not open.
        case closed
    }

    /// Whether the record was looked for.
    var isLookedUp = false
    /// Whether the version must not be written, since its files cannot be removed.
    var isBroken = false
    /// Groups of region entries that were read; all of them count as read for a new record.
    var loadedGroups: Set<Int> = []
    var hasAllGroups = false
    /// By region number.
    var regions: [Int: Region] = [:]
    /// The inode number of the data file; 0 if there is none.
    var inode: UInt64 = 0
    var nonce: UInt64 = 0
    /// Whether the record has its head.
    var hasRecord = false
    /// Whether a thread writes the record or removes data.
    var isRecordBusy = false
    var pending: [Checksums] = []
    var pendingCount = 0
    var dirtyRegions: Set<Int> = []
    var descriptor: Descriptor?
    /// Grows when the files are replaced by new ones: loans of the old ones do not count any more.
    var incarnation: UInt32 = 0
    var lentCount = 0

    /// Regions whose entries are read from the record at a time: 24 KiB for 256 MiB of data.
    static let groupRegions = 256

    var isDirty: Bool { !dirtyRegions.isEmpty }

    /// The regions that a run of granules touches.
    static func regions(of granules: Range<Int>) -> Range<Int> {
        guard !granules.isEmpty else { return 0..<0 }
        return granules.lowerBound / CacheRecord.regionGranules..<(granules.upperBound - 1)
            / CacheRecord.regionGranules + 1
    }

    /// The part of a run that lies in a region, as a set.
    static func mask(_ granules: Range<Int>, in region: Int) -> SIMD4<UInt64> {
        let first = region * CacheRecord.regionGranules
        let part = granules.clamped(to: first..<first + CacheRecord.regionGranules)
        return GranuleBits.mask(part.lowerBound - first..<part.upperBound - first)
    }

    /// Whether the record's entries for a run were read.
    func isPrepared(_ granules: Range<Int>) -> Bool {
        guard isLookedUp else { return false }
        return hasAllGroups || Self.groups(of: granules).allSatisfy(loadedGroups.contains)
    }

    /// The groups of region entries for a run.
    static func groups(of granules: Range<Int>) -> Range<Int> {
        let regions = regions(of: granules)
        guard !regions.isEmpty else { return 0..<0 }
        return regions.lowerBound / groupRegions..<(regions.upperBound - 1) / groupRegions + 1
    }

    /// The runs that are not present.
    func missing(in granules: Range<Int>) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for region in Self.regions(of: granules) {
            let wanted = Self.mask(granules, in: region)
            let absent = wanted & ~(regions[region]?.present ?? SIMD4())
            guard absent != SIMD4() else { continue }
            let first = region * CacheRecord.regionGranules
            for granule in granules.clamped(to: first..<first + CacheRecord.regionGranules)
            where GranuleBits.contains(absent, granule - first) {
                runs.appendGranules(granule..<granule + 1)
            }
        }
        return runs
    }

    /// Lends a run to a reader if all of it can be read.
    mutating func lend(_ granules: Range<Int>, now: UInt32) -> Loan {
        guard isPrepared(granules) else { return .unprepared }
        let touched = Self.regions(of: granules)
        var isTrusted = true
        for region in touched {
            let wanted = Self.mask(granules, in: region)
            guard let held = regions[region], held.present & wanted == wanted else { return .missing }
            if held.trusted & wanted != wanted { isTrusted = false }
        }
        guard isTrusted else { return .unchecked }
        guard let descriptor else { return .closed }
        for region in touched {
            guard let index = regions.index(forKey: region) else { continue }
            regions.values[index].lent += 1
            regions.values[index].lastUse = now
            regions.values[index].isRead = true
        }
        lentCount += 1
        return .lent(descriptor, incarnation: incarnation)
    }

    /// Ends a loan.
    mutating func takeBack(_ granules: Range<Int>, incarnation: UInt32) {
        guard incarnation == self.incarnation else { return }
        for region in Self.regions(of: granules) { regions[region]?.lent -= 1 }
        lentCount -= 1
    }

    /// Enters granules that were written.
    mutating func publish(_ granules: Range<Int>, checksums: [UInt32], now: UInt32) {
        for region in Self.regions(of: granules) {
            let written = Self.mask(granules, in: region)
            regions[region, default: Region()].present |= written
            regions[region, default: Region()].trusted |= written
            regions[region, default: Region()].lastUse = now
            regions[region, default: Region()].isRead = false
            dirtyRegions.insert(region)
        }
        pendingCount += checksums.count
        if let last = pending.last, last.first + last.sums.count == granules.lowerBound {
            pending[pending.count - 1].sums += checksums
        } else {
            pending.append(Checksums(first: granules.lowerBound, sums: checksums))
        }
    }

    /// Takes regions out, if nobody has them on loan.
    /// - Returns: The regions taken out, and how many granules they had.
    mutating func drop(_ range: Range<Int>) -> (regions: [Int], granules: Int) {
        var dropped: [Int] = []
        var granules = 0
        for region in range {
            guard let held = regions[region], held.lent == 0 else { continue }
            granules += GranuleBits.count(held.present)
            regions[region] = nil
            dropped.append(region)
        }
        return (dropped, granules)
    }

    /// Forgets everything: the files are gone, or about to go.
    mutating func reset() {
        let next = incarnation &+ 1
        let isBusy = isRecordBusy
        self = DiskState()
        incarnation = next
        isRecordBusy = isBusy
        isLookedUp = true
        hasAllGroups = true
    }

    /// The regions to evict first: those read already before those that wait to be read, the longest unused
    /// first; among equals the last of the file, so that a reader who starts over finds its beginning.
    func coldest(_ wantedBytes: Int64, now: UInt32) -> [Int] {
        let order = regions.filter { $0.value.lent == 0 && $0.value.present != SIMD4() }.sorted {
            left,
            right in
            if left.value.isRead != right.value.isRead { return left.value.isRead }
            let (leftAge, rightAge) = (now &- left.value.lastUse, now &- right.value.lastUse)
            return leftAge != rightAge ? leftAge > rightAge : left.key > right.key
        }
        var sum: Int64 = 0
        var chosen: [Int] = []
        for (region, held) in order where sum < wantedBytes {
            sum += Int64(GranuleBits.count(held.present) * Granule.bytes)
            chosen.append(region)
        }
        return chosen.sorted()
    }
}
