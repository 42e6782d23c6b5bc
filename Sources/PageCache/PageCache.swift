import CoreMetrics
public import Logging
public import Pages
import Synchronization

/// Keeps the bytes of open files in memory or on a local disk, and fetches each missing byte once.
///
/// A link of the chain: it gets what it lacks from `next`. Any thread may call it. It has no threads of its
/// own; the owner calls ``housekeep()`` about once a second and ``close()`` at the end.
public final class PageCache: PageSource {
    let context: CacheContext
    let files: FileTable
    let store: Store

    /// Where the bytes lie.
    enum Store: Sendable {
        case memory(MemoryStore)
        case disk(DiskStore)
    }

    /// Sets up a cache.
    ///
    /// Looks at no cached file yet, so the time does not depend on how many there are.
    /// - Parameters:
    ///   - options: Where the bytes lie, and the limits.
    ///   - next: Where missing bytes come from.
    ///   - logger: Gets a line when the cache directory fails or cached bytes are corrupt.
    /// - Throws: ``PageCacheError``, whose description is one line for the user.
    public convenience init(
        options: PageCacheOptions,
        next: any SpanSource,
        logger: Logger
    ) throws(PageCacheError) {
        try self.init(options: options, next: next, logger: logger, boot: CacheDirectory.currentBoot())
    }

    /// The same under a boot id of a test's choice.
    init(
        options: PageCacheOptions,
        next: any SpanSource,
        logger: Logger,
        boot: [UInt8]
    ) throws(PageCacheError) {
        try options.validate()
        let metrics = PageCacheMetrics()
        files = FileTable()
        context = CacheContext(
            next: next,
            options: options,
            metrics: metrics,
            privateBuffers: PrivateBuffers(bytesMaximum: options.uncachedBytesMaximum)
        )
        switch options.storage {
        case .memory(let bytesMaximum):
            metrics.capacityBytes.record(bytesMaximum)
            store = .memory(try MemoryStore(bytesMaximum: bytesMaximum, metrics: metrics))
        case .directory(let path, let bytesMaximum):
            metrics.capacityBytes.record(bytesMaximum)
            store = .disk(
                DiskStore(
                    directory: try CacheDirectory(path: path, boot: boot),
                    bytesMaximum: bytesMaximum,
                    options: options,
                    files: files,
                    metrics: metrics,
                    logger: logger
                )
            )
        }
    }

    deinit {
        close()
    }

    /// Opens one version for reading.
    ///
    /// Does not wait, and looks at no disk yet.
    /// - Parameter version: What will be read.
    /// - Returns: The open file; the same object when the version is open already.
    public func open(_ version: FileVersion) -> any PageFile {
        let (files, store) = (files, store)
        return files.open(version, in: context) { file in
            Self.closed(file, files, store)
        } makeContent: { key in
            switch store {
            case .memory(let memory): MemoryContent(key: key, size: version.size, store: memory)
            case .disk(let disk): DiskContent(version: version, key: key, store: disk)
            }
        }
    }

    private static func closed(_ file: CachedFile, _ files: FileTable, _ store: Store) {
        let (isLast, retiringCount) = files.close(file)
        guard isLast else { return }
        file.content.handlesClosed()
        if retiringCount > CacheLimits.unrecordedMaximum, let content = file.content as? DiskContent {
            _ = content.writeRecord()
        }
        files.retire(file.key)
    }

    /// How many bytes of a version are cached; 0 when nothing is known of it.
    ///
    /// May read its record from the disk.
    /// - Parameter version: The version to look for.
    /// - Returns: Bytes in the cache, between 0 and the version's size.
    public func cachedBytes(of version: FileVersion) -> Int64 {
        let handle = open(version)
        defer { withExtendedLifetime(handle) {} }
        return files.file(for: VersionKey(version))?.content.presentBytes ?? 0
    }

    /// The book of a version that is open in a disk cache; for tests.
    func content(of version: FileVersion) -> DiskContent? {
        files.file(for: VersionKey(version))?.content as? DiskContent
    }

    /// Bytes in the cache, and its limit.
    public var usage: (usedBytes: Int64, bytesMaximum: Int64) {
        switch store {
        case .memory(let memory):
            (memory.usedBytes, Int64(memory.arena.blockCount * MemoryArena.blockBytes))
        case .disk(let disk): (disk.usage.withLock { $0.usedBytes }, disk.bytesMaximum)
        }
    }

    /// Enters what an earlier process has left in the cache directory into the table by which eviction works.
    ///
    /// Reads do not need it. ``housekeep()`` does the same in small steps, so calling it is optional.
    public func restore() {
        guard case .disk(let disk) = store else { return }
        disk.restore(within: .max)
    }

    /// Writes records, makes room, and gives idle memory back.
    ///
    /// Call it about once a second, from one thread.
    public func housekeep() {
        switch store {
        case .memory(let memory):
            memory.trim(
                idleBeforeTrim: context.options.idleBeforeTrim,
                idleBeforeDrop: context.options.idleBeforeDrop
            )
            memory.takeEmptied().forEach(files.retire)
        case .disk(let disk):
            disk.housekeep()
            disk.buffers.trim()
        }
        files.retiring.forEach(files.retire)
        context.metrics.storedBytes.record(usage.usedBytes)
        context.metrics.storedFiles.record(storedFileCount)
    }

    private var storedFileCount: Int {
        switch store {
        case .memory: files.count
        case .disk(let disk): disk.usage.withLock { $0.entries.count }
        }
    }

    /// Writes the last records and lets go of everything that is not open.
    ///
    /// Files that are open go on working.
    public func close() {
        switch store {
        case .memory(let memory): memory.close()
        case .disk(let disk): disk.flush()
        }
        files.close()
    }
}

extension PageCacheOptions {
    /// Refuses options out of their range.
    func validate() throws(PageCacheError) {
        let bytesMaximum =
            switch storage {
            case .memory(let bytes): bytes
            case .directory(_, let bytes): bytes
            }
        guard bytesMaximum >= CacheLimits.bytesMinimum else {
            throw .badOption(
                "the cache size is \(bytesMaximum) bytes; give at least \(CacheLimits.bytesMinimum)"
            )
        }
        guard (8...65536).contains(descriptorsMaximum) else {
            throw .badOption("the cache's descriptor limit is \(descriptorsMaximum); give 8 to 65536")
        }
        guard uncachedBytesMaximum >= 1 << 20 else {
            throw .badOption(
                "the limit for uncached reads is \(uncachedBytesMaximum) bytes; give at least 1048576"
            )
        }
    }
}
