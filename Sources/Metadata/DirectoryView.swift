public import Pages
import Synchronization

/// A directory as one reader sees it: a listing, together with what this mount did since it was begun.
///
/// Names that this mount has removed are left out from that moment on; those that it had made before the view
/// was taken, and that the listing lacks, come behind all others. Entries keep their index for the life of
/// the view, so an index serves as a directory cookie; a name that is left out leaves a gap. No name comes
/// twice. Any thread may call it.
public final class DirectoryView: Sendable {
    private let cache: NamespaceCache
    private let listing: Listing
    private let begun: Int64
    private let key: PathKey
    /// Which changes are those of this directory, whatever else gets its path.
    private let number: UInt64
    /// What may come behind the listing's entries.
    private let added: [(name: [UInt8], hash: UInt32, attributes: Attributes)]
    /// Whether the last look at the entries found changes.
    private let hasChanges = Atomic(false)

    /// `own` are the changes of this moment, in which this view has been counted as a reader.
    init(of listing: Listing, in cache: NamespaceCache, own: OwnDirectory, key: PathKey) {
        self.cache = cache
        self.listing = listing
        self.key = key
        begun = listing.begun
        number = own.number
        added = own.present(begun: begun).map { entry in
            (entry.name, withBytes(of: entry.name, NameHash.hash), entry.attributes)
        }
    }

    deinit { cache.endReading(key, number: number, begun: begun) }

    /// How many indices are given out by now; some may be gaps.
    public var count: Int { listing.isComplete ? listing.count + added.count : listing.count }

    /// Whether every page has been read.
    public var isComplete: Bool { listing.isComplete }

    /// Runs `body` on entries at hand from an index on, until it returns `false`.
    ///
    /// No lock is held while `body` runs. Entries that arrive meanwhile are not seen by this call.
    /// - Parameters:
    ///   - index: The first entry wanted; not negative; may be past the end.
    ///   - body: Gets index, name (valid during the call only) and attributes; returns `false` to stop.
    /// - Returns: The index at which `body` stopped, else the first one not at hand.
    @discardableResult
    public func forEach(
        from index: Int,
        _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool
    ) -> Int {
        // Before the entries are counted: what is complete then is so for good.
        let isComplete = listing.isComplete
        let own = changes
        hasChanges.store(own?.isUnchanged == false, ordering: .relaxed)
        guard let own, !own.isUnchanged else {
            return forEachAdded(listing.forEach(from: index, body), from: index, isComplete, own, body)
        }
        let end = listing.forEach(from: index) { index, name, attributes in
            guard let change = own.find(name, hash: NameHash.hash(name)) else {
                return body(index, name, attributes)
            }
            switch change.verdict(overAnswerOf: listing.requested(entry: index)) {
            case .present(let newer): return body(index, name, newer)
            case .absent: return true
            case .none: return body(index, name, attributes)
            }
        }
        return forEachAdded(end, from: index, isComplete, own, body)
    }

    /// Goes on behind the listing's entries, unless `body` stopped in them or more may come.
    private func forEachAdded(
        _ end: Int,
        from start: Int,
        _ isComplete: Bool,
        _ own: OwnDirectory?,
        _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool
    ) -> Int {
        guard isComplete, !added.isEmpty else { return end }
        let first = listing.count
        var index = max(start, end)
        guard index >= first else { return end }
        while index < first + added.count {
            let entry = added[index - first]
            let goesOn = entry.name.withUnsafeBytes { name in
                guard let attributes = attributes(of: entry, name, own) else { return true }
                return body(index, name, attributes)
            }
            guard goesOn else { return index }
            index += 1
        }
        return index
    }

    /// What an added name is now; nil if it is gone, or has come with the listing.
    private func attributes(
        of entry: (name: [UInt8], hash: UInt32, attributes: Attributes),
        _ name: UnsafeRawBufferPointer,
        _ own: OwnDirectory?
    ) -> Attributes? {
        if listing.find(name, hash: entry.hash) { return nil }
        // The directory itself has another name by now, or none.
        guard let own else { return entry.attributes }
        switch own.find(name, hash: entry.hash)?.verdict(overAnswerOf: begun) {
        case .present(let attributes): return attributes
        case .absent, .some(.none), nil: return nil
        }
    }

    /// Waits until there are more than `count` entries or the listing is complete, reading pages on this
    /// thread unless another thread is reading one already.
    /// - Parameter count: How many entries the caller has seen.
    /// - Throws: What the store threw, to every waiter; the next call tries the page again.
    public func fill(beyond count: Int) throws(StoreError) { try listing.fill(beyond: count) }

    /// Says that a directory handle is still reading, which keeps the listing trusted for its names.
    public func touch() { listing.touch() }

    /// How many threads may usefully call ``stepAhead(of:)`` now, those that are inside of it included.
    /// - Parameter position: How many entries the reader has seen.
    /// - Returns: 0 if there is nothing to do.
    public func jobsAhead(of position: Int) -> Int { listing.jobsAhead(of: position) }

    /// Does one thing ahead of a reader, on this thread.
    /// - Parameter position: How many entries the reader has seen.
    /// - Returns: Whether there was something to do.
    public func stepAhead(of position: Int) -> Bool { listing.stepAhead(of: position) }

    /// Whether a name's attributes come from this mount, so that they are trusted for another time than those
    /// of the listing.
    /// - Parameter name: A name of the last look at the entries.
    /// - Returns: `false` for a name that nobody changed here.
    public func isOwn(_ name: UnsafeRawBufferPointer) -> Bool {
        guard hasChanges.load(ordering: .relaxed), let changes else { return false }
        return changes.find(name, hash: NameHash.hash(name)) != nil
    }

    private var changes: OwnDirectory? {
        let directory = cache.state.withLock { $0.own.directories[key] }
        return directory?.number == number ? directory : nil
    }
}

extension NamespaceCache {
    /// A directory's listing, the trusted one or a new one, together with what this mount did to its names.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: The view; stays usable as long as the caller holds it.
    /// - Throws: ``StoreError/notFound``, unless names are pending there; ``StoreError/wouldWait``, or what
    ///   the store threw.
    public func view(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> DirectoryView {
        let key = PathKey(directory)
        // First, so that no change is forgotten that the listing turns out to lack.
        state.withLock { $0.own.update(key) { $0.addReader(begun: .min) } }
        let listing: Listing
        do throws(StoreError) {
            listing = try openOrEmpty(directory, key, mayWait: mayWait)
        } catch {
            endReading(key, number: nil, begun: .min)
            throw error
        }
        let own = state.withLock { state in
            state.own.update(key) { own in
                own.addReader(begun: listing.begun)
                own.removeReader(begun: .min)
            }
            return state.own.directories[key] ?? OwnDirectory(number: 0)
        }
        return DirectoryView(of: listing, in: self, own: own, key: key)
    }

    private func openOrEmpty(
        _ directory: RelativePath,
        _ key: PathKey,
        mayWait: Bool
    ) throws(StoreError) -> Listing {
        let asked = environment.clock()
        do throws(StoreError) {
            return try open(directory, asked: asked, mayWait: mayWait)
        } catch .notFound where state.withLock({ $0.own.directories[key]?.pendingCount ?? 0 }) > 0 {
            return Listing(emptyOf: directory, begun: asked, in: environment)
        }
    }

    /// A reader of a directory has ended, so that changes may be forgotten.
    fileprivate func endReading(_ key: PathKey, number: UInt64?, begun: Int64) {
        state.withLock { state in
            guard let own = state.own.directories[key], number ?? own.number == own.number else { return }
            state.own.update(key) { $0.removeReader(begun: begun) }
            state.pruneOwnChanges(in: key)
        }
    }

    // MARK: Whether a directory is empty

    /// Whether the store has other names in the directory of a name, by what is known and trusted; asks
    /// nobody.
    ///
    /// Pending names do not count unless the store has an older version of them.
    /// - Parameter path: Not the root.
    /// - Returns: ``Siblings/unknown`` if nothing trusted tells.
    public func siblings(of path: RelativePath) -> Siblings {
        guard !path.isRoot else { return .unknown }
        let place = Place(path)
        let now = environment.clock()
        return state.withLock { state in
            guard let listing = state.listings[place.parent]?.listing, listing.isReusable(at: now) else {
                return .unknown
            }
            let own = state.own.directories[place.parent]
            if listing.hasEntry(besides: place, own, pending: false) { return .some }
            return listing.isComplete ? .none : .unknown
        }
    }

    /// Whether nothing is in a directory: neither in the store, nor pending.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: Whether it can be removed.
    /// - Throws: ``StoreError/notFound``, ``StoreError/wouldWait``, or what the store threw.
    public func isEmpty(_ directory: RelativePath, mayWait: Bool) throws(StoreError) -> Bool {
        let key = PathKey(directory)
        if state.withLock({ $0.own.directories[key]?.pendingCount ?? 0 }) > 0 { return false }
        state.withLock { $0.own.update(key) { $0.addReader(begun: .min) } }
        defer { endReading(key, number: nil, begun: .min) }
        let listing = try open(directory, asked: environment.clock(), mayWait: mayWait)
        while true {
            let (isComplete, count) = (listing.isComplete, listing.count)
            let hasEntry = state.withLock { state in
                listing.hasEntry(besides: nil, state.own.directories[key], pending: true)
            }
            if hasEntry { return false }
            if isComplete { return true }
            guard mayWait else { throw .wouldWait }
            try listing.fill(beyond: count)
        }
    }

    /// How many directories are in a directory, by what is known and trusted; asks nobody.
    /// - Parameter directory: A path inside the mount, or the root.
    /// - Returns: nil if it is not known whole, or if counting is not worth it.
    public func subdirectoryCount(of directory: RelativePath) -> Int? {
        let key = PathKey(directory)
        let now = environment.clock()
        return state.withLock { state in
            guard let listing = state.listings[key]?.listing, listing.isReusable(at: now) else { return nil }
            return listing.directoryCount(state.own.directories[key])
        }
    }
}

extension Listing {
    /// How many directories there are by now; nil while not every page has been read.
    func directoryCount(_ own: OwnDirectory?) -> Int? {
        state.withLock { state in
            guard state.isComplete else { return nil }
            guard let own else { return state.table.directoryCount }
            let difference = own.directoryDifference { name, hash in
                guard let found = name.withUnsafeBytes({ state.find($0, hash: hash) }) else {
                    return (false, state.trust.begun)
                }
                return (found.attributes.kind == .directory, state.trust.requested(entry: found.index))
            }
            return difference.map { state.table.directoryCount + $0 }
        }
    }

    /// When the page with an entry was requested.
    func requested(entry index: Int) -> Int64 { state.withLock { $0.trust.requested(entry: index) } }

    /// Whether a name is among the entries at hand.
    func find(_ name: UnsafeRawBufferPointer, hash: UInt32) -> Bool {
        state.withLock { $0.find(name, hash: hash) != nil }
    }

    /// Whether the directory has a name by now, according to the entries at hand and to what this mount did.
    ///
    /// The name `excluded` does not count. Names that the store does not have count if `pending` says so.
    func hasEntry(besides excluded: Place?, _ own: OwnDirectory?, pending: Bool) -> Bool {
        if own?.hasPresent(besides: excluded, begun: begun, pending: pending) == true { return true }
        return state.withLock { state in
            for index in state.removedBefore..<max(state.table.count, state.removedBefore) {
                let name = state.table.name(at: index)
                let change = own?.find(name, hash: state.table.hash(at: index))
                let isRemoved =
                    if case .absent? = change?.storeVerdict(
                        overAnswerOf: state.trust.requested(entry: index)
                    ) { true } else { false }
                if isRemoved {
                    // Whoever removes one name after the other asks this every time.
                    if index == state.removedBefore { state.removedBefore += 1 }
                } else if !name.elementsEqual(excluded?.name ?? []) {
                    return true
                }
            }
            return false
        }
    }
}
