import Logging
import PageCache
import Pages
import Settings
import Telemetry

/// The page caches of a worker: one for each directory, or one in memory.
///
/// Owned by the worker's process; any thread may read through ``pages``.
struct WorkerCaches: Sendable {
    /// All of them as one.
    let pages: SpreadPages
    private let caches: [PageCache]

    /// Sets the caches up; a directory is this process's from now on.
    /// - Parameters:
    ///   - plan: Where they lie.
    ///   - next: Where missing bytes come from.
    /// - Throws: A ``Failure`` that names the directory and, if another process has it, that process.
    init(plan: WorkerPlan, next: any SpanSource) throws(Failure) {
        var parts: [SpreadPages.Part] = []
        var caches: [PageCache] = []
        for (name, storage, bytes) in Self.places(plan.storage) {
            let cache = try Self.cache(storage, plan, next)
            caches.append(cache)
            parts.append(SpreadPages.Part(name: name, weight: bytes, pages: cache))
        }
        self.caches = caches
        pages = SpreadPages(parts)
    }

    private static func places(
        _ storage: WorkerPlan.Storage
    ) -> [(name: String, storage: PageCacheOptions.Storage, bytes: Int64)] {
        switch storage {
        case .memory(let bytes): [("memory", .memory(bytesMaximum: bytes), bytes)]
        case .directories(let directories):
            directories.map { path, bytes in (path, .directory(path: path, bytesMaximum: bytes), bytes) }
        }
    }

    private static func cache(
        _ storage: PageCacheOptions.Storage,
        _ plan: WorkerPlan,
        _ next: any SpanSource
    ) throws(Failure) -> PageCache {
        var options = PageCacheOptions(storage: storage)
        options.descriptorsMaximum = 4096
        options.uncachedBytesMaximum = min(options.uncachedBytesMaximum, max(1 << 20, plan.memoryBytes / 8))
        if let total = plan.settings.duration(.totalTimeout) {
            options.flightWaitMaximum = total + .seconds(5)
        }
        do throws(PageCacheError) {
            return try PageCache(options: options, next: next, logger: Logger(label: "cache"))
        } catch {
            if case .inUse(let path, let process) = error {
                let user = process.isEmpty ? "another process" : "process \(process)"
                throw Failure(
                    "cache directory \(path) is in use by \(user); end that worker, or give this one another"
                        + " directory with \(Property.workerPageDirectories.key)"
                )
            }
            throw Failure("\(error)")
        }
    }

    /// Shows the sums of all caches in place of each one's own gauges, which would overwrite each other.
    func addGauges(to registry: PrometheusRegistry) {
        let caches = caches
        registry.addGauge("alluxio_cached_storage_bytes") {
            Double(caches.reduce(0) { $0 + $1.usage.usedBytes })
        }
        registry.addGauge("alluxio_cached_capacity_bytes") {
            Double(caches.reduce(0) { $0 + $1.usage.bytesMaximum })
        }
    }

    /// Gives back what is no longer needed; to be called once a second.
    func housekeep() { for cache in caches { cache.housekeep() } }

    /// Writes the last records.
    func close() { for cache in caches { cache.close() } }
}
