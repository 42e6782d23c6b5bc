import Metadata
import Pages

/// Names that are gone for this mount, and whose objects go in batches.
struct RemovalQueue: Sendable {
    /// One removed name.
    struct Removal: Hashable, Sendable {
        /// The attribute objects of a directory that go with it; nil for a file.
        var documents: [RelativePath]?
        /// The version of a file that was removed: whoever finishes this after a crash deletes no other.
        var etag: ETag?
        /// Whether its directory has other entries.
        var siblings: Siblings

        var isDirectory: Bool { documents != nil }

        /// Of a name that holds no object, unless a process died while it was copying one there.
        static let ofFurtherName = Removal(documents: nil, etag: nil, siblings: .some)
    }

    /// The most names that wait; more are sent at once.
    static let maximum = 1000

    private(set) var queued: [RelativePath: Removal] = [:]
    /// What a batch under way deletes.
    private(set) var sending: [RelativePath: Removal] = [:]
    /// Since when something is queued, on the monotonic clock.
    private(set) var since: Int64?
    /// The number of the last removal that is queued, as the journal counts.
    private(set) var lastNumber: UInt64 = 0
    /// Whether the store has ever deleted something for us: the first removal does not wait, so that a
    /// refusal reaches whoever asked for it.
    private(set) var isProven = false

    var isEmpty: Bool { queued.isEmpty && sending.isEmpty }

    /// Whether a name is gone.
    func hides(_ path: RelativePath) -> Bool {
        !isEmpty && (queued[path] != nil || sending[path] != nil)
    }

    /// The names of a directory that are gone.
    func hidden(in directory: RelativePath) -> Set<[UInt8]> {
        guard !isEmpty else { return [] }
        var names: Set<[UInt8]> = []
        for removals in [queued, sending] {
            for path in removals.keys where path.parent == directory { names.insert(Array(path.name)) }
        }
        return names
    }

    /// Whether something that waits lies below a path, or is the path.
    func touches(_ path: RelativePath) -> Bool {
        guard !isEmpty else { return false }
        return [queued, sending].contains { $0.keys.contains { $0 == path || $0.lies(below: path) } }
    }

    /// The keys that are still in the store, although their names are gone, below a directory.
    func waiting(below directory: RelativePath) -> [RelativePath] {
        guard !isEmpty else { return [] }
        return [queued, sending].flatMap { removals in
            removals.filter { $0.key.lies(below: directory) }.flatMap { Self.keys(of: $0, $1) }
        }
    }

    /// The keys that go with a name.
    static func keys(of path: RelativePath, _ removal: Removal) -> [RelativePath] {
        removal.isDirectory ? [path.marker] + (removal.documents ?? []) : [path]
    }

    mutating func add(_ path: RelativePath, _ removal: Removal, number: UInt64, at now: Int64) {
        queued[path] = removal
        since = since ?? now
        lastNumber = max(lastNumber, number)
    }

    /// Begins a batch of everything that waits.
    /// - Returns: The batch; nil if nothing waits.
    mutating func begin() -> RemovalBatch? {
        guard !queued.isEmpty else { return nil }
        sending = queued
        queued = [:]
        since = nil
        return RemovalBatch(sending)
    }

    /// Ends the batch.
    mutating func ended(isDone: Bool, at now: Int64) {
        if isDone {
            isProven = true
        } else {
            queued.merge(sending) { mine, _ in mine }
            if !queued.isEmpty { since = now }
        }
        sending = [:]
    }

    /// Shows names again that cannot be removed.
    mutating func withdraw(_ paths: some Sequence<RelativePath>) {
        for path in paths { queued[path] = nil }
        if queued.isEmpty { since = nil }
    }
}

/// What one batch has to do.
struct RemovalBatch: Sendable {
    /// Objects to delete, in any order.
    var objects: [RelativePath] = []
    /// Markers to delete after them.
    var markers: [RelativePath] = []
    /// Directories that lose their last entry, and are to stay.
    var emptied: [RelativePath] = []
    /// Directories that may lose their last entry, with the names that go.
    var perhapsEmptied: [RelativePath: [RelativePath]] = [:]

    init(_ removals: [RelativePath: RemovalQueue.Removal]) {
        var certain: Set<RelativePath> = []
        for (path, removal) in removals {
            if let documents = removal.documents {
                objects.append(contentsOf: documents)
                markers.append(path)
            } else {
                objects.append(path)
            }
            guard let parent = path.parent, !parent.isRoot, removals[parent]?.isDirectory != true else {
                continue
            }
            switch removal.siblings {
            case .some: break
            case .none: certain.insert(parent)
            case .unknown:
                perhapsEmptied[parent, default: []].append(removal.isDirectory ? path.marker : path)
                perhapsEmptied[parent]?.append(contentsOf: removal.documents ?? [])
            }
        }
        for parent in certain { perhapsEmptied[parent] = nil }
        emptied = Array(certain)
    }
}

extension RelativePath {
    /// The key of a directory's marker as a path: the only path with a slash at its end, and only for keys.
    var marker: RelativePath { RelativePath(bytes: bytes + [UInt8(ascii: "/")]) }

    /// Whether this lies somewhere in a directory.
    func lies(below directory: RelativePath) -> Bool {
        guard !directory.isRoot else { return !isRoot }
        return bytes.count > directory.bytes.count && bytes.starts(with: directory.bytes)
            && bytes[directory.bytes.count] == UInt8(ascii: "/")
    }

    /// This path after a directory above it, or itself, has been moved.
    func moved(from source: RelativePath, to target: RelativePath) -> RelativePath {
        if self == source { return target }
        guard lies(below: source) else { return self }
        let rest = source.isRoot ? bytes[...] : bytes[(source.bytes.count + 1)...]
        return target.appending(rest)
    }
}
