/// Where the file system gets the contents of open files from: in practice the page cache.
///
/// Any thread may call it.
public protocol PageSource: Sendable {
    /// Opens one version for reading. Does not wait, and asks no store.
    /// - Parameter version: What will be read.
    /// - Returns: The open file; the same object when the version is open already.
    func open(_ version: FileVersion) -> any PageFile

    /// How many bytes of a version are cached; 0 when nothing is known of it.
    /// - Parameter version: The version to look for.
    /// - Returns: Bytes in the cache, between 0 and the version's size.
    func cachedBytes(of version: FileVersion) -> Int64

    /// Takes in bytes of a version that this mount has just committed, so that nobody fetches them again.
    ///
    /// Takes what fits and throws nothing: bytes that are not taken are fetched when they are read. Copies on
    /// this thread.
    /// - Parameters:
    ///   - version: What the store holds now.
    ///   - descriptor: A file that has the bytes at the same offsets; open for reading, and unchanged until
    ///     the call returns.
    ///   - spans: Which bytes it has; inside the version's size.
    func adopt(_ version: FileVersion, from descriptor: Int32, spans: [Span])

    /// Says that the bytes of a version have got another name or ETag: what is cached of them answers for
    /// both.
    ///
    /// Throws nothing and fetches nothing; at worst the bytes are fetched again when they are read. Files of
    /// the old version that are open read on, and fetch what they lack under the new name. Runs on this
    /// thread.
    /// - Parameters:
    ///   - old: What it was called.
    ///   - new: What it is called now; the same bytes.
    func follow(from old: FileVersion, to new: FileVersion)
}

/// One version of one file, open for reading.
///
/// Dropping the last reference closes it. Any thread may call it, several at once.
public protocol PageFile: AnyObject, Sendable {
    /// What is read.
    var version: FileVersion { get }

    /// The bytes of a span if all of them are in the cache. Never waits for a store.
    /// - Parameter span: Inside the version's size.
    /// - Returns: The bytes, or nil if any of them is missing.
    func resident(_ span: Span) -> PinnedBytes?

    /// The bytes of a span, fetched where they are missing.
    ///
    /// What another thread is fetching already is waited for, not fetched twice. What is missing of `ask` is
    /// fetched on this thread.
    /// - Parameters:
    ///   - span: What is returned; inside the version's size.
    ///   - ask: What to fetch if something of `span` is missing; contains `span`.
    /// - Returns: The bytes of `span`.
    /// - Throws: ``StoreError/stale`` if the version is gone, or another ``StoreError``.
    func read(_ span: Span, asking ask: Span) throws(StoreError) -> PinnedBytes

    /// Brings a span into the cache ahead of its use, on this thread. Skips what is there or under way.
    /// - Parameters:
    ///   - span: Inside the version's size.
    ///   - arrived: Called on this thread with how many bytes have just come; not for what is skipped.
    /// - Throws: What the next link threw. A reader of the same bytes will ask again and see its own error.
    func load(_ span: Span, _ arrived: (_ count: Int) -> Void) throws(StoreError)

    /// Whether every byte of a span is cached or being fetched, so that a ``load(_:)`` would do nothing.
    /// - Parameter span: Inside the version's size.
    /// - Returns: `true` if nothing of the span is missing and unclaimed.
    func isCovered(_ span: Span) -> Bool
}

extension PageFile {
    /// Brings a span into the cache ahead of its use, for who does not want to know how it gets on.
    /// - Parameter span: Inside the version's size.
    /// - Throws: What the next link threw.
    public func load(_ span: Span) throws(StoreError) { try load(span) { _ in } }
}
