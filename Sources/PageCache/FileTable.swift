import Pages
import Synchronization

/// The versions that are open, or have something that must not be forgotten yet.
///
/// Any thread may call it.
///
/// There is at most one ``CachedFile`` for a version, so that its locks and its book of what is present
/// are the only ones.
final class FileTable: Sendable {
    private struct Entry {
        let file: CachedFile
        /// Open handles, some of which may be closing.
        var handles = 0
        weak var handle: OpenCachedFile?
    }

    private struct State {
        var entries: [VersionKey: Entry] = [:]
        /// Closed versions that could not be dropped yet.
        var retiring: Set<VersionKey> = []
        /// Versions that share their content with another one, since they were renamed.
        var sharing: Set<VersionKey> = []

        /// Whether a version of the table can go.
        func isForgettable(_ key: VersionKey, _ entry: Entry) -> Bool {
            guard entry.handles == 0 else { return false }
            guard sharing.contains(key) else { return entry.file.content.isForgettable }
            // Only an old name may go: its content has another one.
            guard entry.file.content.key == key else { return true }
            let others = sharing.subtracting([key])
            return entry.file.content.isForgettable
                && !others.contains { entries[$0]?.file.content === entry.file.content }
        }
    }

    private let state = Mutex(State())

    /// How many versions there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// Opens a version.
    /// - Parameters:
    ///   - version: What is opened.
    ///   - context: What its handle needs.
    ///   - onClose: Called when the handle is gone.
    ///   - makeContent: Makes its content if there is none.
    /// - Returns: The open file; the same one when the version is open already.
    func open(
        _ version: FileVersion,
        in context: CacheContext,
        onClose: @escaping @Sendable (CachedFile) -> Void,
        makeContent: (VersionKey) -> any StoredContent
    ) -> OpenCachedFile {
        let key = VersionKey(version)
        return state.withLock { state in
            if let handle = state.entries[key]?.handle { return handle }
            let file =
                state.entries[key]?.file
                ?? CachedFile(version: version, key: key, content: makeContent(key))
            let handle = OpenCachedFile(file, in: context, onClose: onClose)
            let others = state.entries[key]?.handles ?? 0
            state.entries[key] = Entry(file: file, handles: others + 1, handle: handle)
            state.retiring.remove(key)
            return handle
        }
    }

    /// Notes that a handle is gone.
    /// - Returns: Whether it was the last, and how many closed versions could not be dropped yet.
    func close(_ file: CachedFile) -> (isLast: Bool, retiringCount: Int) {
        state.withLock { state in
            state.entries[file.key]?.handles -= 1
            guard state.entries[file.key]?.handles == 0 else { return (false, 0) }
            state.retiring.insert(file.key)
            return (true, state.retiring.count)
        }
    }

    /// Keeps a version in the table without a handle, while something is done to it.
    func borrow(
        _ version: FileVersion,
        _ key: VersionKey,
        makeContent: () -> any StoredContent
    ) -> CachedFile {
        state.withLock { state in
            let file =
                state.entries[key]?.file ?? CachedFile(version: version, key: key, content: makeContent())
            state.entries[key, default: Entry(file: file)].handles += 1
            return file
        }
    }

    /// Ends a ``borrow(_:_:makeContent:)``.
    func giveBack(_ file: CachedFile) {
        if close(file).isLast {
            file.content.handlesClosed()
            retire(file.key)
        }
    }

    /// How a version can follow a rename.
    enum Succession {
        /// Both names have one content now.
        case shared
        /// The new name has a content of its own.
        case apart(CachedFile)
    }

    /// Enters a version that has the content of another one.
    /// - Parameters:
    ///   - version: The new name.
    ///   - key: Its key.
    ///   - old: The version that was renamed; in the table, and open.
    /// - Returns: Whether that could be done.
    func succeed(_ version: FileVersion, _ key: VersionKey, to old: CachedFile) -> Succession {
        state.withLock { state in
            if let file = state.entries[key]?.file, file.content !== old.content { return .apart(file) }
            if state.entries[key] == nil {
                state.entries[key] = Entry(file: CachedFile(old, renamed: version, key: key))
                state.retiring.insert(key)
            }
            state.sharing.formUnion([key, old.key])
            for sharer in state.sharing {
                guard let file = state.entries[sharer]?.file, file.content === old.content else { continue }
                file.renamed(to: version)
            }
            return .shared
        }
    }

    /// The version of a key, if it is in the table.
    func file(for key: VersionKey) -> CachedFile? {
        state.withLock { $0.entries[key]?.file }
    }

    /// Drops a version that is not open, if its content may be forgotten.
    func retire(_ key: VersionKey) {
        let file = state.withLock { state -> CachedFile? in
            guard let entry = state.entries[key] else {
                state.retiring.remove(key)
                return nil
            }
            guard state.isForgettable(key, entry) else { return nil }
            state.entries[key] = nil
            state.retiring.remove(key)
            state.sharing.remove(key)
            return entry.file
        }
        withExtendedLifetime(file) {}
    }

    /// Closed versions that could not be dropped yet.
    var retiring: [VersionKey] { state.withLock { Array($0.retiring) } }

    /// All versions in the table.
    var files: [CachedFile] { state.withLock { $0.entries.values.map(\.file) } }

    /// Drops everything that is not open.
    func close() {
        let dropped = state.withLock { state in
            defer {
                state.entries = state.entries.filter { $0.value.handles > 0 }
                state.retiring = []
                state.sharing.formIntersection(state.entries.keys)
            }
            return state.entries
        }
        withExtendedLifetime(dropped) {}
    }
}
