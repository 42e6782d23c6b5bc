import Pages
import Synchronization

/// Versions that were read lately, kept open so that the next read finds their record in memory.
///
/// Any thread may call it.
final class OpenFiles: Sendable {
    private let pages: any PageSource
    private let table: Mutex<AgedTable<FileVersion, any PageFile>>

    init(_ pages: any PageSource, maximum: Int = WorkerLimits.openFilesMaximum) {
        self.pages = pages
        table = Mutex(AgedTable(maximum: maximum))
    }

    /// How many versions are open.
    var count: Int { table.withLock { $0.count } }

    /// Opens a version.
    /// - Parameters:
    ///   - version: What will be read.
    ///   - mayWait: Whether a record may be read from the disk.
    /// - Returns: The open file; nil if it is not open yet and the caller must not wait.
    func open(_ version: FileVersion, mayWait: Bool) -> (any PageFile)? {
        if let file = table.withLock({ $0.find(version) }) { return file }
        guard mayWait else { return nil }
        let file = pages.open(version)
        let forgotten = table.withLock { $0.insert(file, for: version) }
        withExtendedLifetime(forgotten) {}
        return file
    }

    /// Closes a version that is gone from its store.
    func forget(_ version: FileVersion) {
        let file = table.withLock { $0.remove(version) }
        withExtendedLifetime(file) {}
    }

    /// Closes what was not read since the call before.
    func sweep() {
        let forgotten = table.withLock { $0.age() }
        withExtendedLifetime(forgotten) {}
    }
}
