public import Pages

/// Takes the entries of a directory as a store finds them.
///
/// - Parameters:
///   - name: One path component; valid during the call only. Never empty, `.`, `..`, and has no slash.
///   - attributes: What the store says of it.
public typealias EntrySink = (_ name: UnsafeRawBufferPointer, _ attributes: Attributes) -> Void

/// Where a listing goes on: opaque to everyone but the store that made it.
public struct ListingToken: Hashable, Sendable {
    /// The store's own form of the token.
    public let text: String

    /// Wraps a store's token.
    /// - Parameter text: The store's own form.
    public init(_ text: String) {
        self.text = text
    }
}

/// One page of a directory listing, beside the entries that went to the sink.
public struct ListingPage: Sendable {
    /// Where to go on; nil when the directory is complete.
    public let next: ListingToken?
    /// How many keys this page has that cannot be shown as names (see `docs/semantics.md`, awkward keys).
    public let hidden: Int

    /// Collects the outcome of one page.
    /// - Parameters:
    ///   - next: Where to go on; nil when the directory is complete.
    ///   - hidden: Keys of this page that cannot be shown.
    public init(next: ListingToken?, hidden: Int) {
        self.next = next
        self.hidden = hidden
    }
}

/// A store's names and attributes: S3, a local directory, later a worker.
///
/// Any thread may call it; calls run and wait on the caller's thread.
public protocol MetadataSource: Sendable {
    /// The address of a path in the under file system.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The full address, as workers and caches identify the file; empty for what lies in no store,
    ///   which only the root of a mount table does.
    func uri(of path: RelativePath) -> UFSURI

    /// What one name stands for, asked of the store now.
    ///
    /// A name that is both an object and a prefix is a directory.
    /// - Parameters:
    ///   - path: A path inside the mount; not the root.
    ///   - known: What the name was last known to be; lets a store ask one question instead of two.
    /// - Returns: Its attributes.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes

    /// One page of a directory.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Where to go on; nil for the first page.
    ///   - sink: Takes the entries of the page, on this thread. A name may come again in a later page (an
    ///     object and a prefix of the same name); the directory wins.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: ``StoreError/notFound`` if there is no such directory, or another ``StoreError``.
    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage

    /// The first page of what comes after a name, for stores that keep their names in order.
    ///
    /// Lets a big directory be read in several places at once. Names are ordered by their bytes; a directory
    /// may take the place of its name or that of its name and a slash. Pages that follow are read by
    /// ``list(_:from:into:)``.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - name: Where to begin: any text without a slash, not empty; need not be a name of the directory.
    ///   - entriesMaximum: The most entries wanted; nil for a usual page.
    ///   - sink: Takes the entries of the page, on this thread; none is an answer, too.
    /// - Returns: Where the next page starts, and what could not be shown.
    /// - Throws: ``StoreError/unsupported(_:)`` by a store without order, which costs nothing, or another
    ///   ``StoreError``.
    func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: ``StoreError/unsupported(_:)`` if the store has no links or the path is none.
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8]
}

extension MetadataSource {
    /// A store without order of its names: big directories are read from beginning to end.
    /// - Parameters:
    ///   - directory: Not looked at.
    ///   - name: Not looked at.
    ///   - entriesMaximum: Not looked at.
    ///   - sink: Not called.
    /// - Returns: Nothing.
    /// - Throws: ``StoreError/unsupported(_:)`` always.
    public func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        throw .unsupported("the store does not list '\(directory)' from a name on")
    }
}
