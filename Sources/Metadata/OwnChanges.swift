/// What this mount did to one name, as far as the store's earlier answers do not know of it.
///
/// Pure.
struct OwnChange: Sendable {
    /// What the store has since a change of ours.
    struct Settled: Sendable {
        /// What the name stands for; nil: it was removed.
        var attributes: Attributes?
        /// It is trusted like the answer to a request that was sent then.
        var requested: Int64
        /// When it was made known: what the store is asked later has it.
        var made: Int64
    }

    /// One component.
    let name: [UInt8]
    /// What the name is to this mount and not yet to the store.
    var pending: Attributes?
    /// What the store has.
    var settled: Settled?

    /// Whether the name is there, by what is known here.
    var isPresent: Bool { pending != nil || settled?.attributes != nil }

    /// What a change says of a name.
    enum Verdict {
        /// It is there.
        case present(Attributes)
        /// It is not there.
        case absent
        /// The store's answer is newer.
        case none
    }

    /// What to say instead of the store's answer to a request that was sent at `requested`.
    func verdict(overAnswerOf requested: Int64) -> Verdict {
        if let pending { return .present(pending) }
        return storeVerdict(overAnswerOf: requested)
    }

    /// The same, of what the store has: without what is pending.
    func storeVerdict(overAnswerOf requested: Int64) -> Verdict {
        guard let settled, settled.made >= requested else { return .none }
        return settled.attributes.map { .present($0) } ?? .absent
    }
}

/// The changes of this mount to the names of one directory.
///
/// Pure; times are those of ``MonotonicClock``. Settled changes are kept for those who read, or may get, a
/// listing that was begun before them.
struct OwnDirectory: Sendable {
    /// Tells this one from another that later has the same path.
    let number: UInt64
    private var changes: [UInt32: [OwnChange]] = [:]
    /// Names that are pending.
    private(set) var pendingCount = 0
    /// Names with a settled change.
    private(set) var settledCount = 0
    /// Names that are there, pending or settled.
    private var presentCount = 0
    /// When the listings that are being read were begun; `.min` for one on its way.
    private var readers: [Int64] = []

    init(number: UInt64) { self.number = number }

    /// Whether there is nothing to keep.
    var isEmpty: Bool { changes.isEmpty && readers.isEmpty }
    /// Whether somebody reads a listing of it.
    var hasReaders: Bool { !readers.isEmpty }
    /// Whether no name was changed.
    var isUnchanged: Bool { changes.isEmpty }

    /// The change of a name.
    func find(_ name: UnsafeRawBufferPointer, hash: UInt32) -> OwnChange? {
        changes[hash]?.first { $0.name.elementsEqual(name) }
    }

    /// Changes the change of a name, which is forgotten if it says nothing then.
    mutating func update(_ name: ArraySlice<UInt8>, hash: UInt32, _ body: (inout OwnChange) -> Void) {
        var bucket = changes.removeValue(forKey: hash) ?? []
        let found = bucket.firstIndex { $0.name.elementsEqual(name) }
        var change = found.map { bucket[$0] } ?? OwnChange(name: Array(name))
        count(change, -1)
        body(&change)
        count(change, 1)
        let isKept = change.pending != nil || change.settled != nil
        switch (found, isKept) {
        case (let index?, true): bucket[index] = change
        case (let index?, false): bucket.remove(at: index)
        case (nil, true): bucket.append(change)
        case (nil, false): break
        }
        if !bucket.isEmpty { changes[hash] = bucket }
    }

    private mutating func count(_ change: OwnChange, _ difference: Int) {
        if change.pending != nil { pendingCount += difference }
        if change.settled != nil { settledCount += difference }
        if change.isPresent { presentCount += difference }
    }

    /// Forgets settled changes.
    /// - Parameter oldest: When the oldest listing was begun that needs them; nil: there is none.
    mutating func dropSettled(before oldest: Int64?) {
        guard settledCount > 0 else { return }
        let all = changes
        changes = [:]
        (pendingCount, settledCount, presentCount) = (0, 0, 0)
        for (hash, bucket) in all {
            for var change in bucket {
                if let settled = change.settled, oldest.map({ settled.made < $0 }) ?? true {
                    change.settled = nil
                }
                guard change.pending != nil || change.settled != nil else { continue }
                count(change, 1)
                changes[hash, default: []].append(change)
            }
        }
    }

    /// Whether a name is there that a listing begun at `begun` does not have, or has in an older version.
    /// - Parameters:
    ///   - place: A name that does not count.
    ///   - begun: When the listing was begun.
    ///   - pending: Whether names count that the store does not have.
    /// - Returns: `false` if the listing tells everything.
    func hasPresent(besides place: Place?, begun: Int64, pending: Bool) -> Bool {
        let excluded = place.flatMap { place in withBytes(of: place.name) { find($0, hash: place.hash) } }
        // Who removes one name after the other asks this every time.
        guard presentCount > (excluded?.isPresent == true ? 1 : 0) else { return false }
        return changes.values.joined().contains { change in
            guard change.name != excluded?.name else { return false }
            if pending, change.pending != nil { return true }
            if case .present = change.storeVerdict(overAnswerOf: begun) { return true }
            return false
        }
    }

    /// All names that are there besides those of a listing begun at `begun`, in the order of their bytes.
    func present(begun: Int64) -> [(name: [UInt8], attributes: Attributes)] {
        var found: [(name: [UInt8], attributes: Attributes)] = []
        for bucket in changes.values {
            for change in bucket {
                guard case .present(let attributes) = change.verdict(overAnswerOf: begun) else { continue }
                found.append((change.name, attributes))
            }
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// How many directories there are more, or fewer, than in a complete listing.
    ///
    /// - Parameter listed: Whether the listing has a directory of a name, and when the page with it was
    ///   requested; for a name that it lacks, when it was begun.
    /// - Returns: nil if there are too many changes to go through for every question.
    func directoryDifference(
        _ listed: (_ name: [UInt8], _ hash: UInt32) -> (isDirectory: Bool, requested: Int64)
    ) -> Int? {
        guard changes.count <= Self.countedMaximum else { return nil }
        var difference = 0
        for (hash, bucket) in changes {
            for change in bucket {
                let (wasDirectory, requested) = listed(change.name, hash)
                let isDirectory =
                    switch change.verdict(overAnswerOf: requested) {
                    case .present(let attributes): attributes.kind == .directory
                    case .absent: false
                    case .none: wasDirectory
                    }
                difference += (isDirectory ? 1 : 0) - (wasDirectory ? 1 : 0)
            }
        }
        return difference
    }

    private static let countedMaximum = 256

    /// The same directory under another path, where only what is pending is still true.
    func moved(number: UInt64) -> OwnDirectory {
        var moved = OwnDirectory(number: number)
        for (hash, bucket) in changes {
            for change in bucket where change.pending != nil {
                moved.update(change.name[...], hash: hash) { $0.pending = change.pending }
            }
        }
        return moved
    }

    // MARK: Readers

    /// Somebody begins to read a listing.
    mutating func addReader(begun: Int64) { readers.append(begun) }

    /// Somebody has ended that.
    mutating func removeReader(begun: Int64) {
        guard let index = readers.firstIndex(of: begun) else { return }
        readers.swapAt(index, readers.count - 1)
        readers.removeLast()
    }

    /// When the oldest listing that is being read was begun.
    var oldestReader: Int64? { readers.min() }
}

/// The changes of this mount, by directory.
///
/// Pure.
struct OwnChanges: Sendable {
    private(set) var directories: [PathKey: OwnDirectory] = [:]
    /// Names that are pending, in all directories.
    private(set) var pendingCount = 0
    /// Names with a settled change, in all directories.
    private(set) var settledCount = 0
    private var directoriesMade: UInt64 = 0

    /// The change of a name.
    func find(_ place: Place) -> OwnChange? {
        guard !directories.isEmpty, let directory = directories[place.parent] else { return nil }
        return withBytes(of: place.name) { directory.find($0, hash: place.hash) }
    }

    /// Changes a directory, which is made if it is not there and forgotten if it is empty then.
    mutating func update(_ key: PathKey, _ body: (inout OwnDirectory) -> Void) {
        if directories[key] == nil {
            directoriesMade += 1
            directories[key] = OwnDirectory(number: directoriesMade)
        }
        guard let index = directories.index(forKey: key) else { return }
        let (pending, settled) = (
            directories.values[index].pendingCount, directories.values[index].settledCount
        )
        body(&directories.values[index])
        pendingCount += directories.values[index].pendingCount - pending
        settledCount += directories.values[index].settledCount - settled
        if directories.values[index].isEmpty { directories.remove(at: index) }
    }

    /// Changes the change of a name.
    mutating func update(_ place: Place, _ body: (inout OwnChange) -> Void) {
        update(place.parent) { $0.update(place.name, hash: place.hash, body) }
    }

    /// Forgets what is known at or below a path and takes out what is pending in the directories there.
    /// - Returns: Directories with pending names, by their paths.
    mutating func takeOut(
        atOrBelow key: PathKey
    ) -> [(path: PathKey, directory: OwnDirectory)] {
        var pending: [(path: PathKey, directory: OwnDirectory)] = []
        for found in directories.keys.filter({ $0.isAtOrBelow(key) }) {
            guard let directory = directories.removeValue(forKey: found) else { continue }
            pendingCount -= directory.pendingCount
            settledCount -= directory.settledCount
            if directory.pendingCount > 0 { pending.append((found, directory)) }
        }
        return pending
    }

    /// Puts a directory that was taken out under another path.
    mutating func putBack(_ directory: OwnDirectory, at key: PathKey) {
        directoriesMade += 1
        let moved = directory.moved(number: directoriesMade)
        pendingCount += moved.pendingCount
        directories[key] = moved
    }
}
