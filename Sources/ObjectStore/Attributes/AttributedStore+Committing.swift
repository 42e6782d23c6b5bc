public import Metadata
public import Pages
import Synchronization
import Threading

/// Noting changes, and writing them in groups.
extension AttributedStore {
    /// One change of what is said of a name.
    typealias PathChange = (path: RelativePath, change: EntryChange)

    /// Notes changes that belong together: in the journal, or in the store if there is none.
    func note(_ changes: [PathChange]) throws(StoreError) {
        guard !changes.isEmpty else { return }
        for (path, _) in changes { try requireWritable(path) }
        let now = clock()
        let full = try state.withLock { state throws(StoreError) in
            try record(changes, in: &state, at: now)
        }
        if changes.contains(where: { if case .set(.some) = $0.change.link { true } else { false } }) {
            hasLinks.store(true, ordering: .relaxed)
        }
        let due = journal == nil ? changes.map { place($0.path).directory } : full
        for directory in due { try commit(directory) }
    }

    /// Notes changes in memory and in the journal, at once: the journal is cleared when nothing is open.
    /// - Returns: Directories whose changes do not wait any longer.
    private func record(
        _ changes: [PathChange],
        in state: inout State,
        at now: Int64
    ) throws(StoreError) -> [RelativePath] {
        let number = state.lastNumber + 1
        let noted = changes.map { JournalRecord.NotedChange(path: $0.path, change: $0.change) }
        try journal?.append(.changes(number, noted))
        state.lastNumber = number
        var full: [RelativePath] = []
        for (path, change) in changes {
            let (directory, name) = place(path)
            state.books[directory, default: DirectoryBook()].note(change, of: name, number: number, at: now)
            let count = state.books[directory]?.pending.count ?? 0
            if count >= options.groupMaximum, !full.contains(directory) { full.append(directory) }
        }
        return full
    }

    private func place(_ path: RelativePath) -> (directory: RelativePath, name: [UInt8]) {
        (path.parent ?? .root, path.isRoot ? AttributeNames.root : Array(path.name))
    }

    private func requireWritable(_ path: RelativePath) throws(StoreError) {
        let directory = place(path).directory
        try requireKey(AttributeNames.document(of: directory, part: 0, generation: 0))
        guard let reason = state.withLock({ $0.books[directory]?.unreadable }) else { return }
        throw .readOnly("\(uri(of: AttributeNames.document(of: directory))) is not understood: \(reason)")
    }

    /// Writes what is pending of a directory.
    /// - Throws: Why it is not written; it stays pending.
    func commit(_ directory: RelativePath) throws(StoreError) {
        try turns.with(AttributeNames.document(of: directory)) { () throws(StoreError) in
            let begun = state.withLock { state in
                state.books[directory]?.begin().map { ($0, state.books[directory]?.sendingNumber ?? 0) }
            }
            guard let (changes, number) = begun else { return }
            let isKnown = isKnown(directory)
            do throws(StoreError) {
                if !directory.isRoot { try makeMarker() }
                try write(changes, of: directory, isKnown: isKnown)
            } catch {
                let now = clock()
                state.withLock { $0.books[directory]?.failed(at: now) }
                throw error
            }
            try journal?.append(.committed(directory, number))
        }
    }

    /// Makes sure that the root has an attribute object, without which nobody looks for others.
    private func makeMarker() throws(StoreError) {
        if state.withLock({ if case .present = $0.marker { true } else { false } }) { return }
        try turns.with(AttributeNames.document(of: .root)) { () throws(StoreError) in
            if state.withLock({ if case .present = $0.marker { true } else { false } }) { return }
            do throws(StoreError) {
                let bytes = AttributeDocument().encoded(part: nil)
                _ = try objects.put(bytes, at: AttributeNames.document(of: .root), if: .absent, metadata: [])
            } catch .exists {
            } catch .stale {}
            state.withLock { $0.marker = .present }
        }
    }

    /// Merges changes into what the store has, as often as others write in between.
    private func write(
        _ changes: [[UInt8]: EntryChange],
        of directory: RelativePath,
        isKnown: Bool
    ) throws(StoreError) {
        // Without conditions the newest is read first: what others wrote before is not lost then.
        if !objects.honours(.put) || !isKnown { try reread(directory) }
        var attempt = 1
        while true {
            let asked = clock()
            let known = state.withLock { state in
                (state.books[directory]?.document ?? AttributeDocument(), state.books[directory]?.versions)
            }
            do throws(StoreError) {
                let document = known.0.applying(changes, generation: UInt32.random(in: 0 ... .max))
                let versions = try store(
                    document,
                    over: known.0,
                    known.1 ?? DocumentVersions(),
                    changes,
                    directory
                )
                state.withLock { state in
                    state.books[directory]?.committed(document, versions, asked: asked)
                    if versions.whole != nil { state.marker = .present }
                }
                return
            } catch  where error == .stale || error == .exists {
                guard attempt < options.attemptsMaximum else {
                    throw .unavailable(
                        "\(uri(of: AttributeNames.document(of: directory))): others wrote it \(attempt) times"
                    )
                }
                sleepThread(for: .milliseconds(Int.random(in: 1...(20 << min(attempt, 4)))))
                attempt += 1
                try reread(directory)
            }
        }
    }

    /// Whether what a commit builds on has ever been asked for; a plain bucket has nothing.
    private func isKnown(_ directory: RelativePath) -> Bool {
        state.withLock { state in
            if case .absent = state.marker { return true }
            return state.books[directory]?.checked != nil
        }
    }

    private func reread(_ directory: RelativePath) throws(StoreError) {
        let asked = clock()
        let found = try storedDocument(of: directory)
        take(found, of: directory, asked: asked)
        if let reason = found.unreadable {
            throw .readOnly("\(uri(of: AttributeNames.document(of: directory))): \(reason)")
        }
    }

    /// Writes the objects that differ.
    private func store(
        _ document: AttributeDocument,
        over old: AttributeDocument,
        _ versions: DocumentVersions,
        _ changes: [[UInt8]: EntryChange],
        _ directory: RelativePath
    ) throws(StoreError) -> DocumentVersions {
        guard document != old || versions.whole == nil && directory.isRoot else { return versions }
        var result = versions
        guard document.isSplit else {
            if document.isEmpty, !directory.isRoot { return try clear(versions, of: directory) }
            result.whole = try put(document, nil, versions.whole, directory)
            return result
        }
        let touched =
            old.isSplit ? Set(changes.keys.map(AttributeDocument.part)) : Set(0..<AttributeDocument.partCount)
        // Parts come before the object that says that there are parts.
        for part in touched.sorted() { result[part] = try put(document, part, versions[part], directory) }
        if !old.isSplit { result.whole = try put(document, nil, versions.whole, directory) }
        return result
    }

    private func put(
        _ document: AttributeDocument,
        _ part: Int?,
        _ version: ETag?,
        _ directory: RelativePath
    ) throws(StoreError) -> ETag? {
        let path = location(of: directory, part, document.generation)
        let condition = version.map { ChangeCondition.version($0) } ?? .absent
        return try objects.put(document.encoded(part: part), at: path, if: condition, metadata: []).etag
    }

    /// Nothing is left to be said: the object goes.
    ///
    /// Where a delete cannot have a condition an empty object stays, so that nothing is deleted that somebody
    /// else has just written.
    private func clear(_ versions: DocumentVersions, of directory: RelativePath) throws(StoreError)
        -> DocumentVersions
    {
        guard let whole = versions.whole else { return versions }
        guard objects.honours(.delete) else {
            var result = versions
            result.whole = try put(AttributeDocument(), nil, whole, directory)
            return result
        }
        try objects.delete(AttributeNames.document(of: directory), if: .version(whole))
        return DocumentVersions()
    }

    /// Makes everything durable that was changed of a name, or of the names in a directory.
    /// - Parameter path: A name, or the root.
    /// - Throws: Why it is not durable.
    public func sync(_ path: RelativePath) throws(StoreError) {
        var failure: StoreError?
        // Each is tried, whatever became of the others.
        do throws(StoreError) { try flushRemovals() } catch { failure = error }
        for directory in [path.parent, path].compactMap({ $0 }) {
            do throws(StoreError) { try commit(directory) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Deletes and writes everything that waits for others to go along with.
    /// - Throws: Why something is not in the store; the journal has it for the next mount.
    public func finish() throws(StoreError) {
        try flushRemovals()
        try commitAll(below: .root)
    }

    /// Writes what is pending below a directory, and of itself.
    func commitAll(below directory: RelativePath) throws(StoreError) {
        let due = state.withLock { state in
            state.books.filter {
                !$0.value.isSettled && ($0.key == directory || $0.key.lies(below: directory))
            }.keys
        }
        for path in due { try commit(path) }
    }
}
