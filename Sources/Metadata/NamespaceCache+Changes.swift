import CoreMetrics
import Synchronization

/// What this mount made or removed answers before anything the store said earlier.
///
/// None of these asks the store or waits for it.
extension NamespaceCache {
    /// A name that this mount made, or a file that it is changing: what the store has is older or nothing.
    ///
    /// It answers every lookup, revalidation and listing until it is settled, removed or dropped, however
    /// long that takes; it is never dropped for want of room.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - attributes: What the name stands for; they replace those of an earlier call.
    public func pend(_ path: RelativePath, _ attributes: Attributes) {
        guard !path.isRoot else { return }
        let place = Place(path)
        let now = environment.clock()
        state.withLock { state in
            state.voidFlight(of: place)
            state.own.update(place) { $0.pending = attributes }
            // Who makes a name makes more of them, and listing a directory costs half of asking for one.
            if state.listings[place.parent] == nil { state.walks.noteChange(in: place.parent, at: now) }
        }
    }

    /// The store now has what this mount made of a name; what was pending is no longer.
    ///
    /// Trusted as others' answers are; in mode 0 a file is asked for again.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - attributes: What the store has.
    ///   - requested: When the store was asked to take it, by the monotonic clock in nanoseconds; nil: now.
    public func settle(_ path: RelativePath, _ attributes: Attributes, requested: Int64? = nil) {
        guard !path.isRoot else { return }
        change { state, now in
            state.settle(Place(path), attributes, requested: min(requested ?? now, now), made: now)
            return []
        }
    }

    /// This mount removed a file or an empty directory; trusted like an answer that there is no such name.
    ///
    /// What is known of it and of everything below it is forgotten; what is under way brings nothing back.
    /// - Parameter path: Not the root.
    public func remove(_ path: RelativePath) {
        guard !path.isRoot else { return }
        let place = Place(path)
        let isDeep = isDirectoryOrUnknown(place)
        change { state, now in
            let dropped = isDeep ? state.forget(atOrBelow: place.path).dropped : []
            state.settle(place, nil, requested: now, made: now)
            return dropped
        }
    }

    /// Forgets what is pending of a name, which the store has never got.
    /// - Parameter path: A path; ignored where nothing is pending.
    public func drop(_ path: RelativePath) {
        guard !path.isRoot else { return }
        let place = Place(path)
        state.withLock { state in
            guard state.own.find(place)?.pending != nil else { return }
            state.own.update(place) { $0.pending = nil }
        }
    }

    /// This mount moved a name, and everything below it, over whatever was there.
    ///
    /// The old name is absent now. What is pending at and below it is pending under the new name. What the
    /// store said of names below either one is forgotten.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - target: Not the root, not below `path`.
    ///   - attributes: What the store has under the new name; nil: nothing yet, for the name was pending.
    public func move(_ path: RelativePath, to target: RelativePath, _ attributes: Attributes?) {
        guard !path.isRoot, !target.isRoot, path != target else { return }
        let (from, to) = (Place(path), Place(target))
        let (isDeep, isTargetDeep) = (isDirectoryOrUnknown(from), isDirectoryOrUnknown(to))
        change { state, now in
            let pending = state.own.find(from)?.pending
            let moved = isDeep ? state.forget(atOrBelow: from.path) : .init()
            let replaced = isTargetDeep ? state.forget(atOrBelow: to.path) : .init()
            state.settle(from, nil, requested: now, made: now)
            state.settle(to, attributes, requested: now, made: now)
            if let pending { state.own.update(to) { $0.pending = pending } }
            state.putBack(moved.pending, from: from.path, to: to.path)
            return moved.dropped + replaced.dropped
        }
    }

    /// This mount let two names change places.
    ///
    /// What is pending at and below each is pending under the other one.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - target: Not the root; neither lies below the other.
    ///   - attributes: What the store has under `path` and `target` now; nil: nothing yet.
    public func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        _ attributes: (path: Attributes?, target: Attributes?)
    ) {
        guard !path.isRoot, !target.isRoot, path != target else { return }
        let (one, other) = (Place(path), Place(target))
        change { state, now in
            let pending = (state.own.find(one)?.pending, state.own.find(other)?.pending)
            let below = (state.forget(atOrBelow: one.path), state.forget(atOrBelow: other.path))
            state.settle(one, attributes.path, requested: now, made: now)
            state.settle(other, attributes.target, requested: now, made: now)
            if let pending = pending.0 { state.own.update(other) { $0.pending = pending } }
            if let pending = pending.1 { state.own.update(one) { $0.pending = pending } }
            state.putBack(below.0.pending, from: one.path, to: other.path)
            state.putBack(below.1.pending, from: other.path, to: one.path)
            return below.0.dropped + below.1.dropped
        }
    }

    /// This mount made a directory, and nothing is in it: names in it need no question while that is trusted.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - attributes: What the store has.
    public func made(directory path: RelativePath, _ attributes: Attributes) {
        guard !path.isRoot else { return }
        let place = Place(path)
        change { state, now in
            let dropped = state.forget(atOrBelow: place.path).dropped
            state.settle(place, attributes, requested: now, made: now)
            let listing = Listing(emptyOf: path, begun: now, in: environment)
            state.listings[place.path] = HeldListing(listing: listing, lastUsed: now)
            return dropped + evictIfDue(&state)
        }
    }

    // MARK: Parts

    /// Changes what is known, stays within the limits, and lets go of listings without the lock.
    private func change(_ body: (inout sending State, Int64) -> [Listing]) {
        let now = environment.clock()
        let (listings, lookups) = state.withLock { state in
            let dropped = body(&state, now)
            let shed = state.shedOwnChanges(beyond: options.ownChangesMaximum)
            return (dropped + shed, state.lookups.rotate())
        }
        for listing in listings { listing.void() }
        withExtendedLifetime(lookups) {}
    }

    /// Whether something may be known below a name; finding that out is not worth it for every file.
    private func isDirectoryOrUnknown(_ place: Place) -> Bool {
        switch cached(place, at: environment.clock(), counts: false) {
        case .found(let answer): answer.attributes.kind == .directory
        case .absent: true
        case .unknown(let kind): kind == nil || kind == .directory
        }
    }
}

extension NamespaceCache.State {
    /// What is no longer true of a directory tree.
    struct Forgotten {
        /// Directories in it with pending names.
        var pending: [(path: PathKey, directory: OwnDirectory)] = []
        /// Its listings; let them go without holding the lock.
        var dropped: [Listing] = []
    }

    /// Makes known what the store has of a name since a change of ours; nil: nothing.
    mutating func settle(_ place: Place, _ attributes: Attributes?, requested: Int64, made: Int64) {
        voidFlight(of: place)
        lookups.remove(place.path)
        lookups.insert(Lookup(attributes: attributes, requested: requested), for: place.path)
        let settled = OwnChange.Settled(attributes: attributes, requested: requested, made: made)
        let isListed = hasListing(place.parent)
        own.update(place) { change in
            change.pending = nil
            change.settled = isListed ? settled : nil
        }
    }

    /// Makes sure that the answer to a question under way is not kept.
    mutating func voidFlight(of place: Place) {
        lookupFlights[place.path]?.isVoid = true
    }

    /// Whether there is a listing of a directory, or one on its way, that may lack a change made now.
    private func hasListing(_ directory: PathKey) -> Bool {
        listings[directory] != nil || openings[directory] != nil
            || own.directories[directory]?.hasReaders == true
    }

    /// Forgets everything at and below a path, and voids what is under way.
    mutating func forget(atOrBelow key: PathKey) -> Forgotten {
        Forgotten(
            pending: own.takeOut(atOrBelow: key),
            dropped: drop(atOrBelow: key, alsoListingOf: nil)
        )
    }

    /// Puts what was pending below a path below another one.
    mutating func putBack(
        _ pending: [(path: PathKey, directory: OwnDirectory)],
        from old: PathKey,
        to new: PathKey
    ) {
        for (key, directory) in pending {
            let path = new.bytes + key.bytes[old.bytes.count...]
            own.putBack(directory, at: PathKey(bytes: path[...]))
        }
    }

    /// Forgets lookups and listings at or below a path, and voids what is under way.
    /// - Parameters:
    ///   - key: The path.
    ///   - parent: A directory that only loses its listing.
    /// - Returns: The listings; let them go without holding the lock.
    mutating func drop(atOrBelow key: PathKey, alsoListingOf parent: PathKey?) -> [Listing] {
        lookups.keep { candidate, _ in !candidate.isAtOrBelow(key) }
        for flight in lookupFlights.keys.filter({ $0.isAtOrBelow(key) }) {
            lookupFlights[flight]?.isVoid = true
        }
        for opening in openings.keys.filter({ $0.isAtOrBelow(key) || $0 == parent }) {
            openings[opening]?.isVoid = true
        }
        let found = listings.keys.filter { $0.isAtOrBelow(key) || $0 == parent }
        return found.compactMap { listings.removeValue(forKey: $0)?.listing }
    }

    /// Forgets what changes of ours settled at or below a path, on request.
    mutating func forgetSettled(atOrBelow path: RelativePath) {
        let key = PathKey(path)
        for directory in own.directories.keys.filter({ $0.isAtOrBelow(key) }) {
            own.update(directory) { $0.dropSettled(before: nil) }
        }
        guard !path.isRoot else { return }
        own.update(Place(path)) { $0.settled = nil }
    }

    /// Forgets the settled changes of a directory that all its listings have.
    mutating func pruneOwnChanges(in directory: PathKey) {
        guard let own = own.directories[directory], own.settledCount > 0 else { return }
        let begun = [
            own.oldestReader, listings[directory]?.listing.begun, openings[directory]?.listing.begun,
        ]
        let oldest = begun.compactMap { $0 }.min()
        self.own.update(directory) { $0.dropSettled(before: oldest) }
    }

    /// Stays within the limit: gives up settled changes together with the listings that lack them.
    ///
    /// A directory that is being read keeps its changes unless that is not enough.
    /// - Returns: The listings; let them go without holding the lock.
    mutating func shedOwnChanges(beyond maximum: Int) -> [Listing] {
        guard own.settledCount > maximum else { return [] }
        var dropped: [Listing] = []
        for sparesReaders in [true, false] where own.settledCount > maximum {
            for (key, directory) in own.directories where !(sparesReaders && directory.hasReaders) {
                guard directory.settledCount > 0 else { continue }
                openings[key]?.isVoid = true
                if let listing = listings.removeValue(forKey: key)?.listing { dropped.append(listing) }
                own.update(key) { $0.dropSettled(before: nil) }
            }
        }
        return dropped
    }

    /// Takes in what the store answered for one name: corrects the change of ours that it is newer than, and
    /// tells the parent's listings.
    mutating func learn(_ place: Place, is attributes: Attributes?, requested: Int64) {
        if let settled = own.find(place)?.settled {
            guard requested > settled.made else { return }
            own.update(place) {
                $0.settled = OwnChange.Settled(
                    attributes: attributes,
                    requested: requested,
                    made: requested
                )
            }
            // It bears out what we did, so that nobody deserves a new listing for it.
            if attributes.isSameVersion(as: settled.attributes) { return }
        }
        note(place, is: attributes, requested: requested)
    }
}

extension Attributes? {
    /// Whether both speak of the same thing, or of nothing.
    fileprivate func isSameVersion(as other: Attributes?) -> Bool {
        guard let self, let other else { return self == nil && other == nil }
        return self.isSameVersion(as: other)
    }
}
