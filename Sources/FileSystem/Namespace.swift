import Metadata
import Pages

/// What the file system needs of the namespace.
///
/// ``CachedNamespace`` is the real one; tests script their own.
protocol Namespace: Sendable {
    /// The address of a path in the under file system.
    func uri(of path: RelativePath) -> UFSURI
    /// What a name stands for, from memory or, if `mayWait`, from the store.
    func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> TrustedAttributes
    /// What a name stands for, asked of the store now.
    func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes
    /// A directory's listing: the trusted one, or a new one.
    func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> any DirectoryListing
    /// Where a symbolic link points.
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8]
    /// Forgets a path and everything below it.
    func invalidate(_ path: RelativePath)
    /// How many names are known.
    var entryCount: Int { get }
}

/// An answer of the namespace.
struct TrustedAttributes: Sendable {
    /// What the name stands for.
    var attributes: Attributes
    /// For how much longer the answer may be trusted; nil: for ever.
    var validFor: Duration?
    /// Whether the store was asked for this one name on behalf of this call.
    var isFresh: Bool
}

/// One snapshot of a directory; see `Listing` for the promises.
protocol DirectoryListing: AnyObject, Sendable {
    /// How many entries are at hand now.
    var count: Int { get }
    /// Whether every page has been read.
    var isComplete: Bool { get }
    /// Runs `body` on entries at hand from an index on, until it returns `false`.
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool)
    /// Waits until there are more than `count` entries or the listing is complete.
    func fill(beyond count: Int) throws(StoreError)
    /// Says that a directory handle is still reading.
    func touch()
    /// How many threads may usefully call `stepAhead` now for a reader who has seen `position` entries.
    func jobsAhead(of position: Int) -> Int
    /// Does one thing ahead of that reader.
    /// - Returns: Whether there may be more to do at once.
    func stepAhead(of position: Int) -> Bool
}

extension Listing: DirectoryListing {}

extension DirectoryListing {
    /// One job that reads one page, when the reader comes near the end of what is at hand.
    func jobsAhead(of position: Int) -> Int { isComplete || count - position >= 2000 ? 0 : 1 }

    func stepAhead(of position: Int) -> Bool {
        try? fill(beyond: count)
        return false
    }
}

/// The listing of a root under which the store has nothing yet.
final class EmptyListing: DirectoryListing {
    var count: Int { 0 }
    var isComplete: Bool { true }
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) {}
    func fill(beyond count: Int) throws(StoreError) {}
    func touch() {}
}

/// The namespace of a mount: a ``NamespaceCache``.
struct CachedNamespace: Namespace {
    let cache: NamespaceCache

    var entryCount: Int { cache.entryCount }

    func uri(of path: RelativePath) -> UFSURI { cache.uri(of: path) }

    func attributes(of path: RelativePath, mayWait: Bool) throws(StoreError) -> TrustedAttributes {
        let answer = try cache.attributes(of: path, mayWait: mayWait)
        return TrustedAttributes(
            attributes: answer.attributes,
            validFor: answer.validFor,
            isFresh: answer.isFresh
        )
    }

    func revalidate(_ path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try cache.revalidate(path, known: known)
    }

    func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> any DirectoryListing {
        try cache.listing(of: directory, mayWait: mayWait)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try cache.linkTarget(of: path) }

    func invalidate(_ path: RelativePath) { cache.invalidate(path) }
}
