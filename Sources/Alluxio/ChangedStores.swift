import CLinux
import Glibc
import Logging
import Metadata
import ObjectStore
import Pages
import Settings
import Synchronization

/// The mounted stores as a worker changes them: POSIX on plain objects, as a mount does it.
///
/// Each has a journal below the staging directory, so that what a worker that was killed had begun is
/// finished by the next one; where that is not to be had, changes go one by one. Any thread may call it.
final class ChangedStores: Sendable {
    private let stores = Mutex<[UInt64: any WritableStore]>([:])
    private let logger = Logger(label: "stores")
    private let directory: String

    /// - Parameter directory: The staging directory.
    init(directory: String) {
        self.directory = directory
        // Where it can't be made, each upload says so.
        _ = linux_make_directories(directory)
    }

    /// The store of a mount; the same one as long as the mount is.
    /// - Parameters:
    ///   - id: The number of the mounted store.
    ///   - link: The store.
    /// - Returns: nil if it can't be changed, which the log explains.
    func store(_ id: UInt64, _ link: StoreLink) -> (any WritableStore)? {
        if let known = stores.withLock({ $0[id] }) { return known }
        let root = link.source.uri(of: .root)
        do throws(Failure) {
            let made = try make(link, root)
            stores.withLock { $0[id] = made }
            return made
        } catch {
            logger.warning(
                "a store can't be changed through this worker",
                metadata: ["store": "\(root)", "reason": "\(error)"]
            )
            return nil
        }
    }

    private func make(_ link: StoreLink, _ root: UFSURI) throws(Failure) -> any WritableStore {
        var shown = Self.shown
        if let journal = journalDirectory(of: root) {
            shown.journalDirectory = journal
            do throws(Failure) {
                return try link.posix(link.source, shown)
            } catch {
                logger.notice(
                    "changes of a store have no journal",
                    metadata: ["store": "\(root)", "reason": "\(error)"]
                )
            }
        }
        shown.journalDirectory = nil
        return try link.posix(link.source, shown)
    }

    /// A directory for the journal of one store, the same one after a restart; nil if it can't be made.
    private func journalDirectory(of root: UFSURI) -> String? {
        let path = "\(directory)/changes-\(String(FNV1a.hash(root.bytes), radix: 16))"
        return mkdir(path, 0o700) == 0 || errno == EEXIST ? path : nil
    }

    /// Lets go of stores that are no longer mounted.
    func keep(_ ids: Set<UInt64>) {
        let dropped = stores.withLock { stores in
            let dropped = stores.filter { !ids.contains($0.key) }
            for id in dropped.keys { stores[id] = nil }
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    /// What mounts show where a store says nothing, with the worker's own user in the place of the mount's.
    private static var shown: AttributedStoreOptions {
        var shown = AttributedStoreOptions()
        (shown.uid, shown.gid) = (geteuid(), getegid())
        // Asked anew for each request: other processes change the same attributes.
        shown.syncInterval = .zero
        shown.markerInterval = .zero
        return shown
    }
}
