import CoreMetrics
import Pages
import Synchronization

/// Listings: one first page under way per directory, and when to list because of lookups.
extension NamespaceCache {
    private enum OpeningClaim {
        case held(Listing)
        case join(Opening)
        case begin(Opening)
        case wouldWait
    }

    /// The trusted listing of a directory, or a new one.
    ///
    /// A listing that was begun after `asked`, when the question was asked, is always good.
    func open(_ directory: RelativePath, asked: Int64, mayWait: Bool) throws(StoreError) -> Listing {
        let key = PathKey(directory)
        while true {
            switch claimOpening(key, directory, asked: asked, mayWait: mayWait) {
            case .held(let listing):
                return listing
            case .wouldWait:
                throw .wouldWait
            case .begin(let opening):
                return try begin(opening, key, directory)
            case .join(let opening):
                let limit = NamespaceLimits.flightWaitMaximum
                do throws(StoreError) {
                    try opening.flight.wait(atMost: limit, for: directory)
                } catch .notFound where !isGood(opening, asked) {
                    continue
                }
                if isGood(opening, asked) { return opening.listing }
            }
        }
    }

    private func isGood(_ opening: Opening, _ asked: Int64) -> Bool {
        let begun = opening.listing.begun
        if begun >= asked { return true }
        return !opening.isVoid && begun > policy.oldestRequest(satisfying: asked, kind: nil)
    }

    private func claimOpening(
        _ key: PathKey,
        _ directory: RelativePath,
        asked: Int64,
        mayWait: Bool
    ) -> OpeningClaim {
        state.withLock { state in
            if let listing = state.listings[key]?.listing,
                listing.isReusable(at: asked) || listing.isUnspoilt(since: asked)
            {
                state.listings[key]?.lastUsed = asked
                return .held(listing)
            }
            guard mayWait else { return .wouldWait }
            if let opening = state.openings[key] { return .join(opening) }
            let listing = Listing(of: directory, begun: environment.clock(), in: environment)
            let opening = Opening(listing: listing, flight: Flight())
            state.openings[key] = opening
            return .begin(opening)
        }
    }

    /// Reads the first page of a new listing and keeps it.
    private func begin(
        _ opening: Opening,
        _ key: PathKey,
        _ directory: RelativePath
    ) throws(StoreError) -> Listing {
        metrics.listings.increment()
        do throws(StoreError) {
            try opening.listing.fill(beyond: 0)
            keep(opening.listing, for: key)
            opening.flight.finish(.success(()))
            return opening.listing
        } catch {
            abandon(opening.listing, key, directory, isAbsent: error == .notFound)
            opening.flight.finish(.failure(error))
            throw error
        }
    }

    private func keep(_ listing: Listing, for key: PathKey) {
        let dropped = state.withLock { state in
            let opening = state.openings.removeValue(forKey: key)
            guard opening?.isVoid == false else {
                listing.void()
                return [Listing]()
            }
            let replaced = state.listings.updateValue(
                HeldListing(listing: listing, lastUsed: listing.begun),
                forKey: key
            )
            state.pruneOwnChanges(in: key)
            return evictIfDue(&state) + (replaced.map { [$0.listing] } ?? [])
        }
        withExtendedLifetime(dropped) {}
    }

    /// A new listing failed.
    ///
    /// If there is no such directory, whatever called it one is forgotten.
    private func abandon(_ listing: Listing, _ key: PathKey, _ directory: RelativePath, isAbsent: Bool) {
        let dropped: Listing? = state.withLock { state in
            let opening = state.openings.removeValue(forKey: key)
            guard isAbsent, opening?.isVoid == false else { return nil }
            if let known = state.lookups.find(key), known.requested > listing.begun { return nil }
            state.lookups.remove(key)
            if !directory.isRoot { state.learn(Place(directory), is: nil, requested: listing.begun) }
            return state.listings.removeValue(forKey: key)?.listing
        }
        withExtendedLifetime(dropped) {}
    }

    // MARK: Listing because of lookups

    /// What to do about a lookup beside asking for the one name.
    enum Instead {
        case nothing
        /// List a directory of a few pages again.
        case refresh
        /// Try one page of a directory that was never listed.
        case explore
    }

    /// Answers a lookup by listing the directory, where somebody walks through it and few pages tell
    /// everything.
    /// - Returns: The answer, or nil if the one name must be asked for.
    func listInstead(
        of path: RelativePath,
        _ place: Place,
        asked: Int64
    ) throws(StoreError) -> NamespaceAnswer? {
        guard !policy.asksEveryTime else { return nil }
        let plan = state.withLock { $0.plan(place, at: asked) }
        guard plan != .nothing, let listing = list(place.parent, plan, asked: asked) else { return nil }
        let now = environment.clock()
        let isNew = listing.begun >= asked
        let change = state.withLock { $0.own.find(place) }
        if let pending = change?.pending { return pendingAnswer(pending, at: now) }
        switch self.listing(listing, says: place, change) {
        case .found(let attributes, _, let end) where isNew || now < end:
            metrics.relisted.increment()
            return answer(attributes, until: end, at: now)
        case .absent(_, let end) where isNew || now < end:
            metrics.relisted.increment()
            throw .notFound
        case .found, .absent, .unknown:
            return nil
        }
    }

    /// Lists a directory as far as a plan allows; errors are left to the single lookup that follows.
    private func list(_ key: PathKey, _ plan: Instead, asked: Int64) -> Listing? {
        let listing: Listing
        do throws(StoreError) {
            listing = try open(key.path, asked: asked, mayWait: true)
            var pages = 1
            while plan == .refresh, !listing.isComplete, pages < NamespaceLimits.refreshPagesMaximum {
                try listing.fill(beyond: listing.count)
                pages += 1
            }
        } catch {
            endWalk(key, plan, toldAll: false)
            return nil
        }
        endWalk(key, plan, toldAll: listing.isComplete)
        return listing
    }

    /// Takes note of whether listing a directory helped.
    private func endWalk(_ key: PathKey, _ plan: Instead, toldAll: Bool) {
        let until = environment.clock().addingSaturated(NamespaceLimits.explorePause)
        state.withLock { state in
            if plan == .explore { state.walks.explored(toldAll: toldAll) }
            if toldAll { state.walks.end(key) } else { state.walks.pause(key, until: until) }
        }
    }
}

extension Listing {
    /// Whether the listing was begun after `asked`, and nothing is known to contradict it.
    func isUnspoilt(since asked: Int64) -> Bool {
        state.withLock { $0.trust.begun >= asked && !$0.trust.isVoid && !$0.trust.isOutdated }
    }
}

extension NamespaceCache.State {
    /// Decides about a lookup that memory could not answer.
    ///
    /// Who makes names makes more of them, and a page of a listing costs one request where a name costs two.
    fileprivate mutating func plan(_ place: Place, at now: Int64) -> NamespaceCache.Instead {
        guard let listing = listings[place.parent]?.listing else {
            let rule = WalkTracker.Rule(
                lookups: walks.exploreLookups,
                window: NamespaceLimits.exploreWindow
            )
            return walks.isWalk(place.hash, in: place.parent, at: now, by: rule) ? .explore : .nothing
        }
        guard let pages = listing.completePageCount, pages <= NamespaceLimits.refreshPagesMaximum else {
            return .nothing
        }
        let isChanging = own.directories[place.parent].map { !$0.isUnchanged } ?? false
        let rule = WalkTracker.Rule(
            lookups: isChanging && pages <= 1 ? 1 : max(1, pages) * NamespaceLimits.refreshLookupsPerPage,
            window: NamespaceLimits.refreshWindow
        )
        return walks.isWalk(place.hash, in: place.parent, at: now, by: rule) ? .refresh : .nothing
    }
}
