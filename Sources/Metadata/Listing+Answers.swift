import Pages
import Synchronization

/// What the namespace cache asks of a listing.
extension Listing {
    /// What a listing says of a name.
    enum Answer {
        /// It has the name, by a page that was requested at `requested`; trusted until `end`.
        case found(Attributes, requested: Int64, end: Int64)
        /// It is complete, was begun at `requested` and lacks the name; trusted until `end`.
        case absent(requested: Int64, end: Int64)
        /// It cannot say.
        case unknown
    }

    /// When the first page was requested.
    var begun: Int64 { state.withLock { $0.trust.begun } }

    /// Whether new readers may get this listing.
    func isReusable(at now: Int64) -> Bool {
        state.withLock { state in
            !state.trust.isVoid && !state.trust.isOutdated
                && now < state.trust.endForAbsence(environment.policy)
        }
    }

    /// When the listing stops being of use even as a hint.
    var hintEnd: Int64 {
        let end = state.withLock { $0.trust.end(environment.policy) }
        return end == .min ? end : end.addingSaturated(NamespaceLimits.listingHintRetention)
    }

    /// How many pages the whole directory had; nil while it is not complete.
    var completePageCount: Int? {
        state.withLock { $0.isComplete ? $0.trust.pageCount : nil }
    }

    /// What the listing says of a name, and until when that is trusted.
    func answer(_ name: UnsafeRawBufferPointer, hash: UInt32) -> Answer {
        state.withLock { state in
            guard state.trust.speaks(for: hash) else { return .unknown }
            if let (index, attributes) = state.find(name, hash: hash) {
                let end = state.trust.end(of: attributes.kind, environment.policy)
                return .found(attributes, requested: state.trust.requested(entry: index), end: end)
            }
            guard state.isComplete else { return .unknown }
            let end = state.trust.endForAbsence(environment.policy)
            return .absent(requested: state.trust.begun, end: end)
        }
    }

    /// Tells the listing what a single request found, so that it does not contradict a newer answer.
    /// - Parameters:
    ///   - name: One component.
    ///   - attributes: What the name stands for; nil: nothing.
    ///   - requested: When the single request was sent.
    func note(_ name: UnsafeRawBufferPointer, is attributes: Attributes?, requested: Int64) {
        let hash = NameHash.hash(name)
        state.withLock { state in
            // A page on its way, or one that waits for its turn, may have been written before the single
            // answer and would come after it.
            if state.isReading { state.trust.supersede(hash, isContradiction: false) }
            if let (index, listed) = state.find(name, hash: hash) {
                guard requested >= state.trust.requested(entry: index) else { return }
                guard attributes.map({ !$0.isSameVersion(as: listed) }) ?? true else { return }
                state.trust.supersede(hash, isContradiction: true)
            } else if attributes != nil, state.isComplete, requested >= state.trust.begun {
                state.trust.supersede(hash, isContradiction: true)
            }
        }
    }

    /// Ends all trust in the listing; who holds it may read on.
    func void() {
        state.withLock { $0.trust.void() }
    }
}

extension Attributes {
    /// Whether both speak of the same thing.
    ///
    /// Times are compared only where there is no etag: stores give them with different precision in listings
    /// and in single answers.
    func isSameVersion(as other: Attributes) -> Bool {
        guard kind == other.kind else { return false }
        if kind == .directory { return true }
        return size == other.size && etag == other.etag && (etag != nil || modified == other.modified)
    }
}
