import Logging
import Metadata
import Pages
import Synchronization
import Threading

/// What outlives the process, and what is done once a second.
extension AttributedStore {
    /// Takes up what the journal still promises; asks the store what has become of it.
    func recover() throws(StoreError) {
        guard let journal else { return }
        let replay = journal.replay
        let now = clock()
        state.withLock { state in
            state.lastNumber = replay.lastNumber
            for (number, noted) in replay.changes {
                let name = noted.path.isRoot ? AttributeNames.root : Array(noted.path.name)
                let directory = noted.path.parent ?? .root
                state.books[directory, default: DirectoryBook()].note(
                    noted.change,
                    of: name,
                    number: number,
                    at: now
                )
            }
            state.intents = replay.intents
        }
        try takeUp(replay.removals)
        if !replay.changes.isEmpty { hasLinks.store(true, ordering: .relaxed) }
        finishIntents()
    }

    /// Queues removals again, of what nobody has replaced meanwhile.
    private func takeUp(
        _ removals: [(number: UInt64, path: RelativePath, removal: RemovalQueue.Removal)]
    ) throws(StoreError) {
        let now = clock()
        try ParallelRun.each(removals.count, width: options.parallelCopies) {
            [self] index throws(StoreError) in
            let (number, path, removal) = removals[index]
            guard try isStill(path, removal) else { return }
            state.withLock { $0.removals.add(path, removal, number: number, at: now) }
        }
    }

    private func isStill(_ path: RelativePath, _ removal: RemovalQueue.Removal) throws(StoreError) -> Bool {
        if let documents = removal.documents {
            let below = journal?.replay.removals.filter { $0.path.lies(below: path) } ?? []
            let waiting = below.flatMap { RemovalQueue.keys(of: $0.path, $0.removal) }
            return try !objects.hasKeys(below: path, except: documents + waiting)
        }
        do throws(StoreError) {
            let found = try objects.attributes(of: path, known: .file)
            return found.kind == .file && (removal.etag == nil || found.etag == removal.etag)
        } catch .notFound {
            return false
        }
    }

    /// Finishes what was begun and not ended of a name, or of names above or below it, before it is changed.
    /// - Returns: Whether there was something: what the caller knows of the name may be wrong then.
    /// - Throws: Why it cannot be finished now.
    func finishIntents(about path: RelativePath) throws(StoreError) -> Bool {
        let left = takeIntents { intent in
            [intent.source, intent.target].contains {
                $0 == path || $0.lies(below: path) || path.lies(below: $0)
            }
        }
        defer { for intent in left { leave(intent) } }
        for intent in left {
            try finish(intent)
            logger.notice("an interrupted rename is finished", metadata: intent.facts)
        }
        return !left.isEmpty
    }

    /// Takes those that nobody carries out, in the order in which they are to be finished.
    private func takeIntents(_ isWanted: (Intent) -> Bool) -> [Intent] {
        state.withLock { state in
            guard !state.intents.isEmpty else { return [] }
            let left = state.intents.values.filter { !state.running.contains($0.identifier) && isWanted($0) }
            state.running.formUnion(left.map(\.identifier))
            return left.sorted { $0.phase.rawValue < $1.phase.rawValue }
        }
    }

    /// Finishes what was begun and not ended; what fails is tried again later.
    func finishIntents() {
        for intent in takeIntents({ _ in true }) {
            defer { leave(intent) }
            do throws(StoreError) {
                try finish(intent)
                logger.notice("an interrupted rename is finished", metadata: intent.facts)
            } catch {
                var facts = intent.facts
                facts["error"] = "\(error)"
                logger.warning("an interrupted rename cannot be finished yet", metadata: facts)
            }
        }
    }

    /// Does what is due; hides errors, which are tried again.
    ///
    /// To be called once a second, on a thread that may wait.
    public func housekeep() {
        let now = clock()
        let delay = options.groupDelay.nanoseconds
        let (removalsDue, directories, markerDue, intentsDue) = state.withLock { state in
            let removalsDue = state.removals.since.map { now - $0 >= delay } ?? false
            let directories = state.books.filter { $0.value.pendingSince.map { now - $0 >= delay } ?? false }
                .keys
            var markerDue = false
            if case .absent(let checked) = state.marker, options.markerInterval > .zero {
                markerDue = now - checked >= options.markerInterval.nanoseconds
            }
            let intentsDue =
                state.intents.count > state.running.count
                && now - state.intentsTried >= options.markerInterval.nanoseconds
            if intentsDue { state.intentsTried = now }
            return (removalsDue, Array(directories), markerDue, intentsDue)
        }
        if removalsDue {
            attempt("removed objects cannot be deleted yet") { () throws(StoreError) in try flushRemovals() }
        }
        for directory in directories.sorted(by: { $0.bytes.count < $1.bytes.count }) {
            // The root comes first: its object is what others look for.
            attempt("attributes cannot be written yet") { () throws(StoreError) in try commit(directory) }
        }
        if markerDue {
            attempt("the root's attribute object cannot be read") { () throws(StoreError) in
                try turns.with(AttributeNames.document(of: .root)) { () throws(StoreError) in try read(.root)
                }
            }
        }
        if intentsDue { finishIntents() }
        abortUploads(at: now)
        compactJournal()
    }

    private func attempt(_ failure: StaticString, _ body: () throws(StoreError) -> Void) {
        do throws(StoreError) {
            try body()
        } catch {
            logger.warning("\(failure)", metadata: ["store": "\(uri(of: .root))", "error": "\(error)"])
        }
    }

    /// Uploads that nobody ended are aborted, once a day.
    private func abortUploads(at now: Int64) {
        let isDue = state.withLock { state in
            let isDue =
                state.uploadsChecked.map { now - $0 > 24 * 3600 * 1_000_000_000 } ?? (state.lastNumber > 0)
            if isDue { state.uploadsChecked = now }
            return isDue
        }
        guard isDue else { return }
        attempt("abandoned uploads cannot be aborted") { () throws(StoreError) in
            let count = try objects.abortUploads(begunBefore: unixTime() - options.uploadAge.nanoseconds)
            if count > 0 {
                logger.notice(
                    "abandoned uploads are aborted",
                    metadata: ["store": "\(uri(of: .root))", "uploads": "\(count)"]
                )
            }
        }
    }

    private func compactJournal() {
        guard let journal, !journal.isEmpty else { return }
        attempt("the journal cannot be shortened") { () throws(StoreError) in
            try state.withLock { state throws(StoreError) in
                let records = state.openRecords
                if records.isEmpty {
                    journal.clear()
                } else if journal.isTooLong {
                    try journal.rewrite(records)
                }
            }
        }
    }
}

extension AttributedStore.State {
    /// What a journal must say now.
    var openRecords: [JournalRecord] {
        var records = intents.values.map { JournalRecord.intent($0) }
        for (directory, book) in books where !book.isSettled {
            for (number, changes) in [(book.sendingNumber, book.sending), (book.lastNumber, book.pending)]
            where !changes.isEmpty {
                let noted = changes.map { name, change in
                    let isRoot = directory.isRoot && name == AttributeNames.root
                    let path = isRoot ? RelativePath.root : directory.appending(name)
                    return JournalRecord.NotedChange(path: path, change: change)
                }
                records.append(.changes(number, noted))
            }
        }
        for waiting in [removals.sending, removals.queued] {
            for (path, removal) in waiting { records.append(.removal(removals.lastNumber, path, removal)) }
        }
        return records
    }
}
