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

    /// What memory says: first the parent's listing, then an earlier single answer.
    func cached(_ place: Place, at now: Int64) -> Cached {
        var hint: EntryKind?
        let listing = state.withLock { state in
            state.listings[place.parent]?.lastUsed = now
            return state.listings[place.parent]?.listing
        }
        if let listing {
            switch withBytes(of: place.name, { listing.answer($0, hash: place.hash) }) {
            case .found(let attributes, let end) where now < end:
                metrics.listed.increment()
                return .found(answer(attributes, until: end, at: now))
            case .absent(let end) where now < end:
                metrics.negative.increment()
                return .absent
            case .found(let attributes, _):
                hint = attributes.kind
            case .absent, .unknown:
                break
            }
        }
        guard let lookup = state.withLock({ $0.lookups.find(place.path) }) else { return .unknown(hint) }
        let end = policy.trustEnd(of: lookup.attributes?.kind, requested: lookup.requested)
        guard now < end else { return .unknown(lookup.attributes?.kind ?? hint) }
        guard let attributes = lookup.attributes else {
            metrics.negative.increment()
            return .absent
        }
        metrics.cached.increment()
        return .found(answer(attributes, until: end, at: now))
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
        do throws(StoreError) {
            let attributes = try source.attributes(of: path, known: known)
            land(place, .success(attributes), requested: requested)
            flight.finish(.success(attributes))
            return attributes
        } catch {
            land(place, .failure(error), requested: requested)
            flight.finish(.failure(error))
            throw error
        }
    }

    /// Ends the flight of a name and keeps its answer.
    ///
    /// Other errors than ``StoreError/notFound`` are not kept.
    private func land(_ place: Place, _ result: Result<Attributes, StoreError>, requested: Int64) {
        let dropped = state.withLock { state in
            let flight = state.lookupFlights.removeValue(forKey: place.path)
            guard let flight, !flight.isVoid else { return LookupTable.Generation() }
            switch result {
            case .success(let attributes):
                state.lookups.insert(Lookup(attributes: attributes, requested: requested), for: place.path)
                state.note(place, is: attributes, requested: requested)
            case .failure(.notFound):
                state.lookups.insert(Lookup(attributes: nil, requested: requested), for: place.path)
                state.note(place, is: nil, requested: requested)
            case .failure:
                break
            }
            return state.lookups.rotate()
        }
        withExtendedLifetime(dropped) {}
    }
}

extension NamespaceCache.State {
    /// Tells the parent's listings, the kept one and one on its way, what a single request found.
    func note(_ place: Place, is attributes: Attributes?, requested: Int64) {
        guard let listing = listings[place.parent]?.listing ?? openings[place.parent]?.listing else { return }
        withBytes(of: place.name) { listing.note($0, is: attributes, requested: requested) }
        guard let opening = openings[place.parent]?.listing, opening !== listing else { return }
        withBytes(of: place.name) { opening.note($0, is: attributes, requested: requested) }
    }
}
