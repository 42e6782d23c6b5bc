import CoreMetrics
import CLinux
import Glibc
import Logging
import Synchronization

/// The cached versions of one directory: how many bytes they have, and what goes when there is no room.
///
/// Lock order: a stripe (of two, the lower first), then a content's lock or the usage lock. Neither of
/// these two is held during a system call; a stripe is held while the names of a version's files are looked
/// up, made or removed, which only another thread that is about to do the same to that version waits for.
final class DiskStore: Sendable {
    let directory: CacheDirectory
    let files: FileTable
    let metrics: PageCacheMetrics
    let descriptors: DescriptorTable
    let buffers = WriteBuffers()
    let bytesMaximum: Int64
    let usage = Mutex(UsageTable())
    let isEvicting = Atomic<Bool>(false)
    let restoredBuckets = Mutex(0)
    /// Buckets whose files the usage table names.
    let enteredBuckets = Atomic<Int>(0)
    /// Whether a file could not be removed or a bucket not be read: then the table may never count as
    /// complete.
    let hasUnknownFiles = Atomic<Bool>(false)
    private let nonces = Atomic<UInt64>(.random(in: 0...UInt64.max))
    private let logger: Logger
    private let stripes: [Stripe]
    private let dirty = Mutex<[VersionKey: DiskContent]>([:])
    private let trouble = Mutex(Trouble())

    private final class Stripe: Sendable {
        let mutex = Mutex(())
    }

    private struct Trouble {
        /// When writing may be tried again; nil when all is well.
        var suspendedUntil: UInt32?
        /// When the last line was logged.
        var logged: UInt32?
        /// Whether room must be made because the file system is full.
        var isFull = false
    }

    private static let stripeCount = 64

    /// The present time for everything that ages.
    static var now: UInt32 { linux_coarse_milliseconds() }

    init(
        directory: CacheDirectory,
        bytesMaximum: Int64,
        options: PageCacheOptions,
        files: FileTable,
        metrics: PageCacheMetrics,
        logger: Logger
    ) {
        self.directory = directory
        self.files = files
        self.metrics = metrics
        self.bytesMaximum = bytesMaximum
        self.logger = logger
        descriptors = DescriptorTable(descriptorsMaximum: options.descriptorsMaximum)
        stripes = (0..<Self.stripeCount).map { _ in Stripe() }
    }

    /// Runs `body` while no other thread looks up, makes or removes the files of a version.
    func withNames<Result>(of key: VersionKey, _ body: () -> Result) -> Result {
        stripes[Int(key.low % UInt64(Self.stripeCount))].mutex.withLock { _ in body() }
    }

    /// The same for two versions at once.
    func withNames<Result>(of key: VersionKey, and other: VersionKey, _ body: () -> Result) -> Result {
        let places = [key, other].map { Int($0.low % UInt64(Self.stripeCount)) }.sorted()
        guard places[0] != places[1] else { return stripes[places[0]].mutex.withLock { _ in body() } }
        return stripes[places[0]].mutex.withLock { _ in stripes[places[1]].mutex.withLock { _ in body() } }
    }

    /// A number that no other record has.
    func nextNonce() -> UInt64 {
        // A step that is odd visits every number before one comes again.
        nonces.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
    }

    /// Whether a version certainly has no files: the usage table names all that there are, and not this one.
    func isKnownAbsent(_ key: VersionKey) -> Bool {
        enteredBuckets.load(ordering: .acquiring) == 256 && !hasUnknownFiles.load(ordering: .acquiring)
            && usage.withLock { $0.entries[key] == nil }
    }

    // MARK: - Room

    /// Eviction begins above this.
    var highWater: Int64 { bytesMaximum - bytesMaximum / 16 }
    /// Eviction ends here.
    var lowWater: Int64 { bytesMaximum - bytesMaximum / 8 }

    /// Sets bytes aside, evicting if need be.
    func reserve(_ bytes: Int64) -> Bool {
        if usage.withLock({ $0.reserve(bytes, limit: bytesMaximum) }) { return true }
        guard bytes <= bytesMaximum / 2 else { return false }
        evict(usage.withLock { $0.usedBytes + $0.reservedBytes + bytes } - lowWater)
        return usage.withLock { $0.reserve(bytes, limit: bytesMaximum) }
    }

    // MARK: - Records

    /// Notes that a content has something to record.
    func noteDirty(_ content: DiskContent) {
        dirty.withLock { $0[content.key] = content }
    }

    /// Writes the records of everything that changed.
    func flush() {
        let contents = dirty.withLock { dirty in
            defer { dirty = [:] }
            return dirty
        }
        for content in contents.values where !content.writeRecord() { noteDirty(content) }
    }

    // MARK: - Trouble

    /// Whether writing is suspended after a failure.
    var isSuspended: Bool {
        trouble.withLock { trouble in
            guard let until = trouble.suspendedUntil else { return false }
            guard Int32(bitPattern: Self.now &- until) >= 0 else { return true }
            trouble.suspendedUntil = nil
            return false
        }
    }

    /// Counts and logs a failed call, and suspends writing for a while.
    /// - Parameters:
    ///   - what: The call in words.
    ///   - result: `-errno`.
    func failed(_ what: String, _ result: Int32) {
        metrics.errors.increment()
        let now = Self.now
        let isLogged = trouble.withLock { trouble in
            trouble.suspendedUntil = now &+ CacheLimits.retryAfterMilliseconds
            if result == -ENOSPC || result == -EDQUOT { trouble.isFull = true }
            if let logged = trouble.logged, now &- logged < CacheLimits.logEveryMilliseconds { return false }
            trouble.logged = now
            return true
        }
        guard isLogged else { return }
        logger.warning(
            "Cache directory fails; reads go on without it",
            metadata: [
                "directory": "\(directory.path)", "call": "\(what)",
                "error": "\(String(cString: strerror(-result)))",
            ]
        )
    }

    /// Counts and logs a record or granule that was dropped.
    func droppedCorrupt(_ what: String, _ path: String, count: Int = 1) {
        metrics.corrupt.increment(by: count)
        logger.warning(
            "Cached bytes failed their check and were dropped",
            metadata: [
                "directory": "\(directory.path)", "file": "\(path)", "what": "\(what)", "count": "\(count)",
            ]
        )
    }

    // MARK: - Housekeeping

    /// Flushes records, restores a part of the directory, makes room.
    func housekeep() {
        flush()
        restore(within: CacheLimits.restoreMilliseconds)
        let isFull = trouble.withLock { trouble in
            defer { trouble.isFull = false }
            return trouble.isFull
        }
        let used = usage.withLock { $0.usedBytes }
        if isFull { evict(max(used / 16, CacheLimits.wholeEvictionBytes)) }
        if used > highWater { evict(used - lowWater) }
    }
}
