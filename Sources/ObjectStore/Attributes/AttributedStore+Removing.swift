public import Metadata
public import Pages
import Synchronization

/// Removing names. They are gone at once for this mount; objects go in batches, within a second.
extension AttributedStore {
    /// Removes a name that is no directory.
    /// - Parameters:
    ///   - path: The name.
    ///   - known: What it is.
    ///   - siblings: Whether its directory has other entries.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    public func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {
        guard !state.withLock({ $0.removals.hides(path) }) else { throw .notFound }
        guard known.kind != .directory else { throw .isDirectory }
        if try finishIntents(about: path) { throw .stale }
        let entry = try entry(of: path, .any)
        if entry?.link != nil {
            // The directory stays because of its marker or attribute object.
            if siblings != .some { try keep(path.parent) }
            let holder = try holder(of: path, .any).path
            var again = EntryChange()
            again.names[path] = true
            return try enqueue(
                path,
                .ofFurtherName,
                unlinked(path, from: holder),
                undo: restored(path, entry) + [(holder, again)]
            )
        }
        var changes: [PathChange] = []
        if let entry {
            changes = entry.names.isEmpty ? [(path, .removed)] : try promoted(path, entry, shown: known)
        }
        let removal = RemovalQueue.Removal(documents: nil, etag: known.etag, siblings: siblings)
        // What lives on under its next name stays there.
        let undo = entry?.names.isEmpty == false ? [] : restored(path, entry)
        try enqueue(path, removal, changes, undo: undo)
    }

    /// Removes an empty directory: its marker and its attribute objects.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - siblings: Whether its parent has other entries.
    /// - Throws: ``StoreError/notEmpty``, ``StoreError/notFound``, or another ``StoreError``.
    public func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {
        guard !path.isRoot else { throw .denied("the root of a mount cannot be removed") }
        guard !state.withLock({ $0.removals.hides(path) }) else { throw .notFound }
        if try finishIntents(about: path) { throw .stale }
        try requireEmpty(path)
        let documents = state.withLock { state -> [RelativePath] in
            guard let book = state.books.removeValue(forKey: path), book.versions.whole != nil else {
                return []
            }
            let parts = book.versions.parts.keys.map { location(of: path, $0, book.document.generation) }
            return [AttributeNames.document(of: path)] + parts
        }
        let entry = try entry(of: path, .any)
        let changes: [PathChange] = entry == nil ? [] : [(path, .removed)]
        let removal = RemovalQueue.Removal(documents: documents, siblings: siblings)
        try enqueue(path, removal, changes, undo: restored(path, entry))
    }

    /// What must be noted when a name comes back that could not be removed.
    private func restored(_ path: RelativePath, _ entry: AttributeEntry?) -> [PathChange] {
        entry.map { [(path, .replaced(by: $0))] } ?? []
    }

    /// Refuses a directory with entries.
    func requireEmpty(_ directory: RelativePath) throws(StoreError) {
        try load(directory, .any)
        let now = clock()
        let (isKnownEmpty, links, waiting) = state.withLock { state in
            let book = state.books[directory]
            let links = book?.names.filter { book?.entry(of: $0)?.link != nil } ?? []
            // One with attribute objects is asked about: they must not go from under somebody else's files.
            let isKnownEmpty =
                options.syncInterval != .zero && book?.versions.whole == nil
                && state.listed.isEmpty(directory, at: now)
            return (isKnownEmpty, links, isKnownEmpty ? [] : state.removals.waiting(below: directory))
        }
        for name in links {
            // A name whose object is gone is no entry.
            if (try? attributes(of: directory.appending(name), known: .file)) != nil { throw .notEmpty }
        }
        guard !isKnownEmpty else { return }
        var except = waiting
        if except.count > Self.exceptionsMaximum {
            try flushRemovals()
            except = []
        }
        except.append(contentsOf: try documents(of: directory))
        if try objects.hasKeys(below: directory, except: except) { throw .notEmpty }
    }

    /// How many keys a question for others may leave out.
    private static var exceptionsMaximum: Int { 500 }

    /// The attribute objects of a directory as far as they are known.
    private func documents(of directory: RelativePath) throws(StoreError) -> [RelativePath] {
        let book = state.withLock { $0.books[directory] }
        let parts =
            book?.versions.parts.keys.map { location(of: directory, $0, book?.document.generation) } ?? []
        return [AttributeNames.document(of: directory)] + parts
    }

    /// Makes sure that a directory stays when its last entry goes.
    func keep(_ directory: RelativePath?) throws(StoreError) {
        guard let directory, !directory.isRoot else { return }
        _ = try objects.putMarker(directory)
    }

    /// Hides a name and queues its objects, together with what must be noted.
    ///
    /// If they cannot be deleted at once, as the first ones of a mount must be, the name comes back, and
    /// `undo` is noted.
    func enqueue(
        _ path: RelativePath,
        _ removal: RemovalQueue.Removal,
        _ changes: [PathChange],
        undo: [PathChange] = []
    ) throws(StoreError) {
        // What is noted makes the object a leftover; the other way round it could be missed.
        try note(changes)
        let now = clock()
        let mustSend = try state.withLock { state throws(StoreError) in
            try journal?.append(.removal(state.lastNumber + 1, path, removal))
            state.lastNumber += 1
            state.removals.add(path, removal, number: state.lastNumber, at: now)
            state.listed.removed(path)
            let isFull = state.removals.queued.count >= RemovalQueue.maximum
            return isFull || !state.removals.isProven
        }
        guard journal == nil || mustSend else { return }
        do throws(StoreError) {
            try flushRemovals()
        } catch {
            // Whoever removes this name is told, so the name comes back.
            state.withLock { $0.removals.withdraw([path]) }
            try journal?.append(.withdrawn(path))
            try note(undo)
            throw error
        }
    }

    /// Deletes the objects of everything that was removed.
    /// - Throws: Why they are still there; the names stay hidden and are tried again.
    func flushRemovals() throws(StoreError) {
        guard !state.withLock({ $0.removals.isEmpty }) else { return }
        try turns.with(RelativePath(bytes: AttributeNames.intent)) { () throws(StoreError) in
            let begun = state.withLock { state in
                state.removals.begin().map { ($0, state.removals.lastNumber) }
            }
            guard let (batch, number) = begun else { return }
            var isDone = false
            defer {
                let now = clock()
                state.withLock { $0.removals.ended(isDone: isDone, at: now) }
            }
            try send(batch)
            try journal?.append(.removalsDone(number))
            isDone = true
        }
    }

    private func send(_ batch: RemovalBatch) throws(StoreError) {
        for directory in batch.emptied { try keep(directory) }
        for (directory, names) in batch.perhapsEmptied
        where try !objects.hasKeys(below: directory, except: names + documents(of: directory)) {
            try keep(directory)
        }
        if batch.objects.count == 1, batch.markers.isEmpty {
            try objects.delete(batch.objects[0], if: .always)
        } else if !batch.objects.isEmpty || !batch.markers.isEmpty {
            // A marker goes after what lies in its directory.
            let markers = batch.markers.sorted { $0.bytes.count > $1.bytes.count }.map(\.marker)
            try objects.delete(batch.objects + markers)
        }
        options.onDeleted?((batch.objects + batch.markers).map { next.uri(of: $0) })
    }

    /// Lets nothing that was removed, or whose rename was interrupted, come between a new name and its
    /// object.
    func settle(_ path: RelativePath) throws(StoreError) {
        _ = try finishIntents(about: path)
        guard state.withLock({ $0.removals.touches(path) }) else { return }
        try flushRemovals()
    }
}
