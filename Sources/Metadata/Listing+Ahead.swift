import Pages
import Synchronization

/// Reading ahead of a reader: one page at first; in several places when the directory turns out to be big.
extension Listing {
    fileprivate enum Step {
        case none
        case prepare(EntryTable, first: Int, pages: Int)
        case ask(name: [UInt8], offset: UInt64)
        case read(PageClaim)
    }

    /// How many threads may usefully call ``stepAhead(of:)`` now, those that are inside of it included.
    /// - Parameter position: How many entries the reader has seen.
    /// - Returns: 0 if there is nothing to do.
    public func jobsAhead(of position: Int) -> Int {
        state.withLock { state in
            guard !state.isComplete else { return 0 }
            let isNear = state.isNear(position)
            guard !state.parts.isSplit else {
                return state.hasRoomAhead(of: position) ? state.parts.openParts : isNear ? 1 : 0
            }
            return (isNear ? state.parts.openParts : 0) + state.splitJobs(isNear: isNear)
        }
    }

    /// Does one thing ahead of a reader, on this thread: reads a page, or asks a question that helps to split
    /// the directory.
    ///
    /// Errors are left to the reader, who asks again when it needs the page.
    /// - Parameter position: How many entries the reader has seen.
    /// - Returns: Whether there was something to do.
    public func stepAhead(of position: Int) -> Bool {
        switch state.withLock({ $0.takeStep(position) }) {
        case .none: return false
        case .prepare(let table, let first, let pages): prepareSplit(table, from: first, pages: pages)
        case .ask(let name, let offset): ask((name, offset))
        case .read(let claim): try? read(claim)
        }
        return true
    }

    private func prepareSplit(_ table: EntryTable, from first: Int, pages: Int) {
        let sample = (first..<table.count).map { Array(table.name(at: $0)) }
        let search = SplitSearch(sample: sample, pages: pages)
        state.withLock { $0.split = search.map(SplitPlan.searching) ?? .over }
    }

    private func ask(_ question: (name: [UInt8], offset: UInt64)) {
        var answer = SplitSearch.Answer.nothing
        do throws(StoreError) {
            let page = try environment.source.list(directory, after: question.name, entriesMaximum: 1) {
                name,
                attributes in
                guard case .nothing = answer else { return }
                // As the store orders it, so that a directory of just this name is not taken for misplaced.
                let slash = attributes.kind == .directory ? [UInt8(ascii: "/")] : []
                answer = .name(Array(name) + slash)
            }
            if case .nothing = answer, page.next != nil || page.hidden > 0 { answer = .something }
        } catch {
            state.withLock { $0.split = .over }
            return
        }
        state.withLock { $0.take(answer, to: question) }
    }
}

extension Listing.State {
    /// Whether a reader comes near the end of what is at hand.
    fileprivate func isNear(_ position: Int) -> Bool {
        table.count - position < NamespaceLimits.aheadEntries
    }

    /// Whether more of a split directory may be read ahead of a reader.
    fileprivate func hasRoomAhead(of position: Int) -> Bool {
        table.count + parts.waitingEntries - position < NamespaceLimits.splitAheadEntries
    }

    private var isSplitDue: Bool { trust.pageCount >= NamespaceLimits.splitPagesMinimum }

    /// How many threads splitting has work for.
    fileprivate func splitJobs(isNear: Bool) -> Int {
        switch split {
        case .possible: isSplitDue && isNear ? 1 : 0
        case .preparing: 1
        case .searching(let search): search.questionsDue
        case .over: 0
        }
    }

    fileprivate mutating func takeStep(_ position: Int) -> Listing.Step {
        guard !isComplete else { return .none }
        let isNear = isNear(position)
        if case .possible = split, isSplitDue, isNear {
            split = .preparing
            // The second half of what was read tells more of what comes than the first.
            return .prepare(table, first: table.count / 2, pages: max(1, trust.pageCount / 2))
        }
        let hasRoom = parts.isSplit && hasRoomAhead(of: position)
        if isNear || hasRoom, let claim = parts.claimAhead(onlyFirst: !hasRoom) { return .read(claim) }
        guard case .searching(var search) = split, let question = search.takeQuestion() else { return .none }
        split = .searching(search)
        return .ask(name: question.name, offset: question.offset)
    }

    /// Takes the answer to a question, and splits the directory after the last one.
    fileprivate mutating func take(
        _ answer: SplitSearch.Answer,
        to question: (name: [UInt8], offset: UInt64)
    ) {
        guard case .searching(var search) = split else { return }
        search.take(answer, to: question)
        guard search.isOver else {
            split = .searching(search)
            return
        }
        split = .over
        parts.split(at: search.names, beyond: table.greatestName(from: table.count / 2))
    }
}
