import CoreMetrics
import Pages
import Synchronization

/// Single names: what is cached, and one request per name for what is not.
extension NamespaceCache {
    /// What memory says of a name.
    enum Cached {
        /// A trusted answer.
        case found(NamespaceAnswer)
        /// Trusted: there is no such name.
        case absent
        /// Nothing trusted; what the name was, as far as known.
        case unknown(EntryKind?)
    }

    private enum LookupClaim {
        /// Another caller's request, when it was sent, and whether its answer would be out of date.
        case join(Flight<Attributes>, requested: Int64, isVoid: Bool)
        /// Nobody asks yet.
        case send(Flight<Attributes>, requested: Int64)
        /// Another caller's request that has landed.
        case landed(Lookup)
    }

    /// What memory says: first what this mount did, then the parent's listing, then an earlier single answer.
    ///
    /// The metrics learn of it if it `counts`.
    func cached(_ place: Place, at now: Int64, counts: Bool = true) -> Cached {
        let (listing, change) = state.withLock { state in
            state.listings[place.parent]?.lastUsed = now
            return (state.listings[place.parent]?.listing, state.own.find(place))
        }
        if let pending = change?.pending {
            if counts { metrics.own.increment() }
            return .found(pendingAnswer(pending, at: now))
        }
        var hint: EntryKind?
        if let listing {
            switch self.listing(listing, says: place, change) {
            case .found(let attributes, _, let end) where now < end:
                if counts { metrics.listed.increment() }
                return .found(answer(attributes, until: end, at: now))
            case .absent(_, let end) where now < end:
                if counts { metrics.negative.increment() }
                return .absent
            case .found(let attributes, _, _):
                hint = attributes.kind
            case .absent, .unknown:
                break
            }
        }
        guard let lookup = state.withLock({ $0.newestLookup(place) }) else { return .unknown(hint) }
        let end = policy.trustEnd(of: lookup.attributes?.kind, requested: lookup.requested)
        guard now < end else { return .unknown(lookup.attributes?.kind ?? hint) }
        guard let attributes = lookup.attributes else {
            if counts { metrics.negative.increment() }
            return .absent
        }
        if counts { metrics.cached.increment() }
        return .found(answer(attributes, until: end, at: now))
    }

    /// What a listing says of a name, unless a change of ours is newer.
    func listing(_ listing: Listing, says place: Place, _ change: OwnChange?) -> Listing.Answer {
        let said = withBytes(of: place.name) { listing.answer($0, hash: place.hash) }
        switch said {
        case .found(_, let requested, _), .absent(let requested, _):
            if case .none? = change?.storeVerdict(overAnswerOf: requested) { return said }
            return change == nil ? said : .unknown
        case .unknown:
            return said
        }
    }

    /// Nobody knows better than this mount, so the answer is as fresh as can be.
    func pendingAnswer(_ attributes: Attributes, at now: Int64) -> NamespaceAnswer {
        let end = policy.trustEnd(of: attributes.kind, requested: now)
        return NamespaceAnswer(
            attributes: attributes,
            validFor: policy.remaining(until: end, now: now),
            isFresh: true
        )
    }

    func answer(_ attributes: Attributes, until end: Int64, at now: Int64) -> NamespaceAnswer {
        NamespaceAnswer(
            attributes: attributes,
            validFor: policy.remaining(until: end, now: now),
            isFresh: false
        )
    }

    /// Asks the store for one name, or waits for another caller's request if that is recent enough.
    ///
    /// An answer to a request that was sent after `asked`, when the question was asked, is always good; one
    /// to an earlier request only with `acceptsTrusted`, and if it would be trusted now. Gives also when the
    /// request was sent.
    func ask(
        _ path: RelativePath,
        _ place: Place,
        known: EntryKind?,
        asked: Int64,
        acceptsTrusted: Bool
    ) throws(StoreError) -> (attributes: Attributes, requested: Int64) {
        func isGood(_ kind: EntryKind?, _ requested: Int64, _ isVoid: Bool) -> Bool {
            if requested >= asked { return true }
            return acceptsTrusted && !isVoid
                && requested > policy.oldestRequest(satisfying: asked, kind: kind)
        }
        var hasWaited = false
        while true {
            switch claimLookup(place.path, orAnswerSince: hasWaited ? asked : nil) {
            case .landed(let lookup):
                metrics.joined.increment()
                guard let attributes = lookup.attributes else { throw .notFound }
                return (attributes, lookup.requested)
            case .send(let flight, let requested):
                metrics.asked.increment()
                return (try send(flight, path, place, known: known, requested: requested), requested)
            case .join(let flight, let requested, let isVoid):
                hasWaited = true
                do throws(StoreError) {
                    let attributes = try flight.wait(atMost: NamespaceLimits.flightWaitMaximum, for: path)
                    guard isGood(attributes.kind, requested, isVoid) else { continue }
                    metrics.joined.increment()
                    return (attributes, requested)
                } catch .notFound where !isGood(nil, requested, isVoid) {
                    continue
                }
            }
        }
    }

    /// Finds the request of another caller, or begins one.
    ///
    /// Who had to wait for a request that was too old may find that a newer one has landed meanwhile.
    private func claimLookup(_ path: PathKey, orAnswerSince asked: Int64?) -> LookupClaim {
        state.withLock { state in
            if let asked, let lookup = state.lookups.find(path), lookup.requested >= asked {
                return .landed(lookup)
            }
            if let entry = state.lookupFlights[path] {
                return .join(entry.flight, requested: entry.requested, isVoid: entry.isVoid)
            }
            let entry = LookupFlight(flight: Flight(), requested: environment.clock())
            state.lookupFlights[path] = entry
            return .send(entry.flight, requested: entry.requested)
        }
    }

    private func send(
        _ flight: Flight<Attributes>,
        _ path: RelativePath,
        _ place: Place,
        known: EntryKind?,
        requested: Int64
    ) throws(StoreError) -> Attributes {
        let answer: Result<Attributes, StoreError>
        do throws(StoreError) {
            answer = .success(try source.attributes(of: path, known: known))
        } catch {
            answer = .failure(error)
        }
        let result = land(place, answer, requested: requested)
        flight.finish(result)
        return try result.get()
    }

    /// Ends the flight of a name and keeps its answer.
    ///
    /// Other errors than ``StoreError/notFound`` are not kept.
    /// - Returns: The answer, or what this mount has made of the name while the request was under way.
    private func land(
        _ place: Place,
        _ result: Result<Attributes, StoreError>,
        requested: Int64
    ) -> Result<Attributes, StoreError> {
        let (truth, dropped) = state.withLock { state in
            let flight = state.lookupFlights.removeValue(forKey: place.path)
            guard let flight, !flight.isVoid else {
                return (state.ownAnswer(place, since: requested) ?? result, LookupTable.Generation())
            }
            switch result {
            case .success(let attributes):
                state.lookups.insert(Lookup(attributes: attributes, requested: requested), for: place.path)
                state.learn(place, is: attributes, requested: requested)
            case .failure(.notFound):
                state.lookups.insert(Lookup(attributes: nil, requested: requested), for: place.path)
                state.learn(place, is: nil, requested: requested)
            case .failure:
                break
            }
            return (result, state.lookups.rotate())
        }
        withExtendedLifetime(dropped) {}
        return truth
    }
}

extension NamespaceCache.State {
    /// The newest of what a single request found and what this mount did to a name.
    mutating func newestLookup(_ place: Place) -> Lookup? {
        let lookup = lookups.find(place.path)
        guard let settled = own.find(place)?.settled else { return lookup }
        if let lookup, lookup.requested >= settled.requested { return lookup }
        return Lookup(attributes: settled.attributes, requested: settled.requested)
    }

    /// What this mount has made of a name since a request for it was sent, if anything.
    mutating func ownAnswer(_ place: Place, since requested: Int64) -> Result<Attributes, StoreError>? {
        if let pending = own.find(place)?.pending { return .success(pending) }
        guard let lookup = newestLookup(place), lookup.requested >= requested else { return nil }
        return lookup.attributes.map { .success($0) } ?? .failure(.notFound)
    }

    /// Tells the parent's listings, the kept one and one on its way, what a single request found.
    func note(_ place: Place, is attributes: Attributes?, requested: Int64) {
        guard let listing = listings[place.parent]?.listing ?? openings[place.parent]?.listing else { return }
        withBytes(of: place.name) { listing.note($0, is: attributes, requested: requested) }
        guard let opening = openings[place.parent]?.listing, opening !== listing else { return }
        withBytes(of: place.name) { opening.note($0, is: attributes, requested: requested) }
    }
}
