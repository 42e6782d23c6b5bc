public import Metadata
public import Pages

/// The link that tells workers of the changes that go through it; see ``ChangeNews``.
///
/// Changes nothing itself, and is done when the next link is. Removals are told by whoever deletes the
/// objects, through ``ChangeNews/deleted(_:)``: telling it earlier would make a worker look before they are
/// gone. Any thread may call it.
public final class TellingStore: WritableStore, SpanSource {
    private let next: any WritableStore & SpanSource
    private let news: ChangeNews

    /// Puts the link before a store.
    /// - Parameters:
    ///   - next: What is changed.
    ///   - news: What tells the workers.
    public init(next: any WritableStore & SpanSource, news: ChangeNews) {
        self.next = next
        self.news = news
    }

    /// The address of a name itself, also of one whose bytes lie under another name.
    private func address(of path: RelativePath) -> UFSURI {
        guard let parent = path.parent else { return next.uri(of: .root) }
        let directory = next.uri(of: parent).bytes
        let isClosed = directory.last == UInt8(ascii: "/")
        return UFSURI(bytes: directory + (isClosed ? [] : [UInt8(ascii: "/")]) + path.name)
    }

    /// Tells of a name, and of the version it has, if it is a file with contents.
    private func tell(_ path: RelativePath, _ attributes: Attributes? = nil, isTree: Bool = false) {
        var version: FileVersion?
        if let attributes, attributes.kind == .file, let etag = attributes.etag {
            version = FileVersion(uri: next.uri(of: path), etag: etag, size: attributes.size)
        }
        news.tell(ChangedName(address(of: path), version: version, isTree: isTree))
    }

    fileprivate func committed(_ path: RelativePath, _ attributes: Attributes) { tell(path, attributes) }

    // MARK: - Changes that workers are told of

    /// Begins new contents of a file, of which workers are told when they are committed.
    /// - Parameter path: The name they will get.
    /// - Returns: The way there; asks nothing yet.
    public func upload(to path: RelativePath) -> any ContentUpload {
        TellingUpload(next: next.upload(to: path), path: path, store: self)
    }

    /// Makes a directory, a symbolic link, a special file or an empty regular file.
    /// - Parameters:
    ///   - path: A new name in a directory that is there.
    ///   - entry: What to make.
    /// - Returns: Its attributes.
    /// - Throws: What the next link throws.
    public func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes {
        let made = try next.make(path, entry)
        tell(path)
        return made
    }

    /// Makes one more name of a file.
    /// - Parameters:
    ///   - existing: A name of it; no directory.
    ///   - path: The new name.
    ///   - known: What `existing` is.
    ///   - time: Its new change time.
    /// - Returns: Its attributes: one name more.
    /// - Throws: What the next link throws.
    public func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes {
        let made = try next.link(existing, to: path, known: known, time: time)
        tell(path)
        return made
    }

    /// Moves a name, and everything below it.
    /// - Parameters:
    ///   - path: The name.
    ///   - target: Its new name.
    ///   - mode: What becomes of a target that exists.
    ///   - known: What `path` is, and what `target` is: nil if it is absent.
    ///   - siblings: Whether the directory of `path` has other entries.
    /// - Returns: What `target` is now.
    /// - Throws: What the next link throws.
    public func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        let moved = try next.rename(path, to: target, mode, known: known, siblings: siblings)
        let isTree = [known.path.kind, known.target?.kind].contains(.directory)
        tell(path, isTree: isTree)
        tell(target, moved, isTree: isTree)
        return moved
    }

    // MARK: - What the next link does alone

    /// Whether a regular file is made in the store when it is created.
    public var makesFilesAtOnce: Bool { next.makesFilesAtOnce }

    /// Whether a file may have a name, before it has contents.
    /// - Parameter path: A new name in a directory that is there.
    /// - Throws: What the next link throws.
    public func permit(_ path: RelativePath) throws(StoreError) { try next.permit(path) }

    /// Removes a name that is no directory.
    /// - Parameters:
    ///   - path: The name.
    ///   - known: What it is.
    ///   - siblings: Whether its directory has other entries.
    /// - Throws: What the next link throws.
    public func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError) {
        try next.remove(path, known: known, siblings: siblings)
    }

    /// Removes an empty directory.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - siblings: Whether its parent has other entries.
    /// - Throws: What the next link throws.
    public func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError) {
        try next.removeDirectory(path, siblings: siblings)
    }

    /// Changes mode, owner or times.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - change: What to change.
    ///   - known: What the name is.
    /// - Returns: Its attributes after the change.
    /// - Throws: What the next link throws.
    public func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        try next.change(path, change, known: known)
    }

    /// The extended attributes of a name.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - known: What it is.
    /// - Returns: Names and values.
    /// - Throws: What the next link throws.
    public func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] {
        try next.extendedAttributes(of: path, known: known)
    }

    /// Sets or removes one extended attribute.
    /// - Parameters:
    ///   - name: With its namespace.
    ///   - value: Up to 64 KiB; nil removes it.
    ///   - presence: Whether it must be new or there.
    ///   - path: A name, or the root.
    ///   - known: What it is.
    ///   - time: Its new change time.
    /// - Throws: What the next link throws.
    public func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) {
        try next.setExtendedAttribute(name, to: value, presence, of: path, known: known, time: time)
    }

    /// Makes everything durable that was changed of a name, or of the names in a directory.
    /// - Parameter path: A name, or the root.
    /// - Throws: What the next link throws.
    public func sync(_ path: RelativePath) throws(StoreError) { try next.sync(path) }

    /// Makes everything durable that was changed anywhere in the store.
    /// - Throws: What the next link throws.
    public func finish() throws(StoreError) { try next.finish() }

    /// Does what is due.
    public func housekeep() { next.housekeep() }

    /// The address of a path in the under file system.
    /// - Parameter path: A path inside the mount.
    /// - Returns: What the next link says.
    public func uri(of path: RelativePath) -> UFSURI { next.uri(of: path) }

    /// What one name stands for.
    /// - Parameters:
    ///   - path: A path inside the mount; not the root.
    ///   - known: What the name was last known to be.
    /// - Returns: Its attributes.
    /// - Throws: What the next link throws.
    public func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try next.attributes(of: path, known: known)
    }

    /// One page of a directory.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Where to go on; nil for the first page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: What the next link throws.
    public func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try next.list(directory, from: token, into: sink)
    }

    /// The first page of what comes after a name.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - name: Where to begin.
    ///   - entriesMaximum: The most entries wanted; nil for a usual page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: What the next link throws.
    public func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        try next.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: What the next link throws.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        try next.linkTarget(of: path)
    }

    /// Reads one span of one version, from the next link.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: What the next link throws.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        try next.fetch(span, of: version, into: sink)
    }
}

/// New contents of a file, of which workers are told when they are committed.
private final class TellingUpload: ContentUpload {
    private let next: any ContentUpload
    private let path: RelativePath
    private let store: TellingStore

    init(next: any ContentUpload, path: RelativePath, store: TellingStore) {
        self.next = next
        self.path = path
        self.store = store
    }

    func wantsToSend(before end: Int64) -> Bool { next.wantsToSend(before: end) }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {
        try next.sendAhead(to: end, from: staged, sums: sums)
    }

    func touched(_ span: Span) { next.touched(span) }

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        let made = try next.commit(contents, if: condition, attributes: attributes)
        store.committed(path, made)
        return made
    }

    func abandon() { next.abandon() }
}
