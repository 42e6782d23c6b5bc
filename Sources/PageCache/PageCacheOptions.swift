/// How large a page cache may be and where it lies.
public struct PageCacheOptions: Sendable {
    /// Where the bytes lie.
    public enum Storage: Hashable, Sendable {
        /// In this process's memory, gone with it.
        /// - bytesMaximum: The limit in bytes, at least 1 MiB; rounded down to whole 32 KiB blocks.
        case memory(bytesMaximum: Int64)
        /// In a directory of a local file system, kept when the process ends.
        /// - path: The directory; made if it does not exist. Must be empty or a cache directory.
        /// - bytesMaximum: The limit in bytes, at least 1 MiB; records count 4 KiB per cached version.
        case directory(path: String, bytesMaximum: Int64)
    }

    /// Where the bytes lie.
    public var storage: Storage
    /// The most descriptors of cache files kept open besides those lent to readers; 8 to 65536.
    ///
    /// Never more than a quarter of the process's limit is used.
    public var descriptorsMaximum = 512
    /// The most memory in bytes for reads that the cache cannot hold; at least 1 MiB.
    ///
    /// Further ones wait.
    public var uncachedBytesMaximum = 32 << 20
    /// How long a reader waits for a transfer of another reader; a bit more than the store's total deadline.
    public var flightWaitMaximum = Duration.seconds(65)
    /// How long the cache must be unused until unused memory goes back to the kernel.
    public var idleBeforeTrim = Duration.seconds(10)
    /// How long the cache must be unused until a memory cache drops what was read already.
    public var idleBeforeDrop = Duration.seconds(300)

    /// Options with their defaults.
    /// - Parameter storage: Where the bytes lie, and their limit.
    public init(storage: Storage) {
        self.storage = storage
    }
}

/// Sizes that are properties of the implementation.
enum CacheLimits {
    /// The smallest cache.
    static let bytesMinimum: Int64 = 1 << 20
    /// Granules of a run that are present already are fetched again rather than splitting one request into
    /// two when there are at most so many of them: 32 KiB cost less than a request.
    static let bridgedGranules = 8
    /// How often a read looks again after what it fetched was evicted at once, before it reads past the
    /// cache.
    static let attemptsMaximum = 3
    /// How far a memory admission runs ahead of what readers can see, in bytes.
    static let publishBytes = 128 << 10
    /// How many blocks of memory a transfer takes at a time.
    static let heldBlocksMaximum = 8
    /// What a disk admission collects for one write, in bytes.
    static let writeBytes = 256 << 10
    /// Write buffers kept for the next admission.
    static let idleBuffersMaximum = 16
    /// Checksums not yet recorded after which an admission writes the record itself, per version (256 MiB
    /// of data).
    static let pendingChecksumsMaximum = 65536
    /// Closed versions with unwritten records after which a closing thread writes its own.
    static let unrecordedMaximum = 4096
    /// The longest record header; a version with a longer address is not kept on disk.
    static let headerBytesMaximum = 16384
    /// How long the disk store is left alone after a failed write.
    static let retryAfterMilliseconds: UInt32 = 2000
    /// Log lines about a failing cache directory come at most this often.
    static let logEveryMilliseconds: UInt32 = 10000
    /// The time one housekeeping call may spend on the scan of a restored directory.
    static let restoreMilliseconds: UInt32 = 50
    /// How many granules of a committed or renamed version are copied under one claim (256 MiB).
    ///
    /// Who reads them waits for the copy; what is not claimed yet is fetched.
    static let adoptedGranules = 65536
    /// How long a move waits for a record that is being written; then nothing is moved.
    static let moveWaitMilliseconds = 1000
    /// A version of at most so many bytes is evicted whole.
    static let wholeEvictionBytes: Int64 = 4 << 20
}

/// Why a page cache cannot be set up: one line that names thing and remedy.
public enum PageCacheError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An option is out of its range; the text says which.
    case badOption(String)
    /// The kernel does not reserve the memory.
    case noMemory(bytes: Int64)
    /// The path is there but is not a directory.
    case notDirectory(path: String)
    /// The directory holds files of somebody else.
    case notOurs(path: String)
    /// The directory was written by another version of the format.
    case otherFormat(path: String, found: String)
    /// Another process uses the directory; the process id is empty if it is not known.
    case inUse(path: String, processID: String)
    /// A system call failed on the directory: what was tried, errno's text, a remedy.
    case unusable(path: String, what: String, reason: String)

    /// One line that names thing and remedy.
    public var description: String {
        switch self {
        case .badOption(let text): text
        case .noMemory(let bytes):
            "cannot reserve \(bytes) bytes of memory for the cache; choose a smaller one or a cache directory"
        case .notDirectory(let path):
            "cache directory \(path) is not a directory; name a directory or remove the file"
        case .notOurs(let path):
            "cache directory \(path) is not empty and was not made by alluxio-fuse; name an empty directory"
        case .otherFormat(let path, let found):
            "cache directory \(path) has format '\(found)', not '\(CacheDirectory.format)'; "
                + "empty it or name another directory"
        case .inUse(let path, let processID):
            "cache directory \(path) is in use by "
                + (processID.isEmpty ? "another process" : "process \(processID)")
                + "; unmount that mount or name another directory"
        case .unusable(let path, let what, let reason):
            "cannot \(what) cache directory \(path): \(reason); "
                + "make it readable and writable for this user or name another directory"
        }
    }
}
