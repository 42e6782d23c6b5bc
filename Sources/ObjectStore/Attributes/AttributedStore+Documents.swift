import Logging
import Metadata
import Pages
import Synchronization

/// Knowing the entries of directories.
extension AttributedStore {
    /// How well something must be known.
    enum Knowledge {
        /// Somebody has asked at some time: enough for a change, whose caller has just looked the name up.
        case any
        /// As fresh as the options say.
        case trusted
    }

    /// What is said of a name.
    func entry(of path: RelativePath, _ knowledge: Knowledge) throws(StoreError) -> AttributeEntry? {
        let directory = path.parent ?? .root
        try load(directory, knowledge)
        let name = path.isRoot ? AttributeNames.root : Array(path.name)
        return state.withLock { $0.books[directory]?.entry(of: name) }
    }

    /// What is said of a name as far as it is known; asks nothing.
    func knownEntry(of path: RelativePath) -> AttributeEntry? {
        let directory = path.parent ?? .root
        let name = path.isRoot ? AttributeNames.root : Array(path.name)
        return state.withLock { $0.books[directory]?.entry(of: name) }
    }

    /// Makes sure that a directory's entries are known.
    func load(_ directory: RelativePath, _ knowledge: Knowledge) throws(StoreError) {
        try findMarker()
        guard isDue(directory, knowledge) else { return }
        try turns.with(AttributeNames.document(of: directory)) { () throws(StoreError) in
            guard isDue(directory, knowledge) else { return }
            try read(directory)
        }
    }

    /// Finds out whether the bucket has attribute objects.
    private func findMarker() throws(StoreError) {
        guard isMarkerDue else { return }
        try turns.with(AttributeNames.document(of: .root)) { () throws(StoreError) in
            guard isMarkerDue else { return }
            try read(.root)
        }
    }

    /// Whether nobody knows if there are attribute objects, or must be asked each time whether there are now.
    private var isMarkerDue: Bool {
        let asksEachTime = options.markerInterval == .zero
        return state.withLock { state in
            switch state.marker {
            case .unknown: true
            case .absent: asksEachTime
            case .present: false
            }
        }
    }

    private func isDue(_ directory: RelativePath, _ knowledge: Knowledge) -> Bool {
        let now = clock()
        return state.withLock { state in
            guard case .present = state.marker else { return false }
            state.books[directory]?.lastUsed = now
            let interval = knowledge == .any ? nil : options.syncInterval?.nanoseconds
            return state.books[directory]?.isTrusted(for: interval, at: now) != true
        }
    }

    /// Asks the store for a directory's entries; the caller has the directory's turn.
    func read(_ directory: RelativePath) throws(StoreError) {
        let asked = clock()
        if try isUnchanged(directory) {
            state.withLock { $0.books[directory]?.confirm(asked: asked) }
            return
        }
        let found: StoredDocument
        do throws(StoreError) {
            found = try storedDocument(of: directory)
        } catch .denied(let reason) where directory.isRoot {
            // Who may not read it may still read the objects.
            logger.warning("attribute objects cannot be read", metadata: ["reason": "\(reason)"])
            found = StoredDocument()
        }
        take(found, of: directory, asked: asked)
    }

    /// A large document is not read again while its version is the same.
    private func isUnchanged(_ directory: RelativePath) throws(StoreError) -> Bool {
        let known = state.withLock { state -> DocumentVersions? in
            guard let book = state.books[directory], book.document.entries.count > Self.smallDocument,
                !book.document.isSplit
            else { return nil }
            return book.versions
        }
        guard let version = known?.whole else { return false }
        do throws(StoreError) {
            let path = AttributeNames.document(of: directory)
            return try objects.attributes(of: path, known: .file).etag == version
        } catch .notFound {
            return false
        }
    }

    /// Up to so many entries are read rather than asked about.
    private static var smallDocument: Int { 256 }

    /// What the store has of a directory's entries.
    struct StoredDocument {
        var document = AttributeDocument()
        var versions = DocumentVersions()
        /// Why it cannot be used.
        var unreadable: FormatError?
    }

    /// Reads a directory's attribute object, and its parts.
    func storedDocument(of directory: RelativePath) throws(StoreError) -> StoredDocument {
        var found = StoredDocument()
        try add(nil, of: directory, to: &found)
        guard found.document.isSplit else { return found }
        for part in 0..<AttributeDocument.partCount { try add(part, of: directory, to: &found) }
        return found
    }

    /// Where an attribute object, or a part of it, lies.
    func location(of directory: RelativePath, _ part: Int?, _ generation: UInt32?) -> RelativePath {
        guard let part, let generation else { return AttributeNames.document(of: directory) }
        return AttributeNames.document(of: directory, part: part, generation: generation)
    }

    private func add(
        _ part: Int?,
        of directory: RelativePath,
        to found: inout StoredDocument
    ) throws(StoreError) {
        let path = location(of: directory, part, found.document.generation)
        let bytes: [UInt8]
        do throws(StoreError) {
            let read = try objects.read(path, limit: AttributeDocument.objectMaximumBytes)
            found.versions[part] = read.attributes.etag
            bytes = read.bytes
        } catch .notFound {
            return
        }
        do throws(FormatError) {
            let document = try AttributeDocument(decoding: bytes)
            if part == nil {
                found.document = document
            } else {
                found.document.entries.merge(document.entries) { $1 }
            }
        } catch {
            found.unreadable = error
        }
    }

    /// Keeps what was read.
    func take(_ found: StoredDocument, of directory: RelativePath, asked: Int64) {
        if let reason = found.unreadable {
            logger.warning(
                "an attribute object is not understood and will not be changed",
                metadata: ["directory": "\(uri(of: directory))", "reason": "\(reason)"]
            )
        }
        state.withLock { state in
            if found.versions.whole != nil {
                state.marker = .present
            } else if directory.isRoot {
                if case .present = state.marker {} else { state.marker = .absent(checked: asked) }
            }
            var book = state.books[directory] ?? DirectoryBook()
            book.lastUsed = asked
            if let reason = found.unreadable {
                book.takeUnreadable(reason.description, found.versions, asked: asked)
            } else {
                book.take(found.document, found.versions, asked: asked)
            }
            state.books[directory] = book
            state.evict(options)
        }
        noteLinks(of: found.document)
    }

    private func noteLinks(of document: AttributeDocument) {
        guard !hasLinks.load(ordering: .relaxed) else { return }
        if document.entries.values.contains(where: { $0.link != nil }) {
            hasLinks.store(true, ordering: .relaxed)
        }
    }
}

extension AttributedStore.State {
    /// Forgets directories that were not looked at for longest, and have nothing to be written.
    mutating func evict(_ options: AttributedStoreOptions) {
        var entries = books.values.reduce(0) { $0 + $1.document.entries.count }
        guard books.count > options.directoriesMaximum || entries > options.entriesMaximum else { return }
        let idle = books.filter { $0.value.isSettled }.sorted { $0.value.lastUsed < $1.value.lastUsed }
        for (path, book) in idle {
            guard books.count > options.directoriesMaximum / 2 || entries > options.entriesMaximum / 2 else {
                break
            }
            entries -= book.document.entries.count
            books[path] = nil
        }
    }
}
