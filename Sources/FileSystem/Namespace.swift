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
    /// A directory's listing, the trusted one or a new one, with what this mount did to its names.
    func listing(of directory: RelativePath, mayWait: Bool) throws(StoreError) -> any DirectoryListing
    /// Where a symbolic link points.
    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8]
    /// Forgets a path and everything below it.
    func invalidate(_ path: RelativePath)
    /// Forgets a path and everything below it, also what is pending: it leads to another store now.
    func abandon(_ path: RelativePath)
    /// A name that this mount made or is changing; answers everything until it is settled.
    func pend(_ path: RelativePath, _ attributes: Attributes)
    /// The store has a name; by a request that was sent at `requested`, nil: now.
    func settle(_ path: RelativePath, _ attributes: Attributes, requested: Int64?)
    /// This mount removed a file or an empty directory.
    func remove(_ path: RelativePath)
    /// A pending name will never be stored.
    func drop(_ path: RelativePath)
    /// This mount moved a name and everything below it; `attributes` are nil if the store has it not yet.
    func move(_ path: RelativePath, to target: RelativePath, _ attributes: Attributes?)
    /// This mount let two names change places.
    func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        _ attributes: (path: Attributes?, target: Attributes?)
    )
    /// This mount made a directory, which is empty.
    func made(directory path: RelativePath, _ attributes: Attributes)
    /// Whether the store has other names in the directory of a name; asks nobody.
    func siblings(of path: RelativePath) -> Siblings
    /// How many directories are in a directory; asks nobody, nil if it is not known.
    func subdirectoryCount(of directory: RelativePath) -> Int?
    /// Whether nothing is in a directory, in the store or pending.
    func isEmpty(_ directory: RelativePath, mayWait: Bool) throws(StoreError) -> Bool
    /// How many names are known.
    var entryCount: Int { get }
}

extension Namespace {
    func abandon(_ path: RelativePath) { invalidate(path) }

    /// The store has a name, now.
    func settle(_ path: RelativePath, _ attributes: Attributes) { settle(path, attributes, requested: nil) }
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

/// One snapshot of a directory; see `DirectoryView` for the promises.
protocol DirectoryListing: AnyObject, Sendable {
    /// How many indices are given out by now; some may be gaps.
    var count: Int { get }
    /// Whether every page has been read.
    var isComplete: Bool { get }
    /// Runs `body` on entries at hand from an index on, until it returns `false`.
    /// - Returns: The index at which `body` stopped, else the first one not at hand.
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) -> Int
    /// Whether an entry's attributes come from this mount, not from the listing.
    func isOwn(_ name: UnsafeRawBufferPointer) -> Bool
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

extension DirectoryView: DirectoryListing {}

extension DirectoryListing {
    func isOwn(_ name: UnsafeRawBufferPointer) -> Bool { false }

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
    func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) -> Int { index }
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
        try cache.view(of: directory, mayWait: mayWait)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try cache.linkTarget(of: path) }

    func invalidate(_ path: RelativePath) { cache.invalidate(path) }

    func abandon(_ path: RelativePath) { cache.abandon(path) }

    func pend(_ path: RelativePath, _ attributes: Attributes) { cache.pend(path, attributes) }

    func settle(_ path: RelativePath, _ attributes: Attributes, requested: Int64?) {
        cache.settle(path, attributes, requested: requested)
    }

    func remove(_ path: RelativePath) { cache.remove(path) }

    func drop(_ path: RelativePath) { cache.drop(path) }

    func move(_ path: RelativePath, to target: RelativePath, _ attributes: Attributes?) {
        cache.move(path, to: target, attributes)
    }

    func exchange(
        _ path: RelativePath,
        _ target: RelativePath,
        _ attributes: (path: Attributes?, target: Attributes?)
    ) {
        cache.exchange(path, target, attributes)
    }

    func made(directory path: RelativePath, _ attributes: Attributes) {
        cache.made(directory: path, attributes)
    }

    func siblings(of path: RelativePath) -> Siblings { cache.siblings(of: path) }

    func subdirectoryCount(of directory: RelativePath) -> Int? { cache.subdirectoryCount(of: directory) }

    func isEmpty(_ directory: RelativePath, mayWait: Bool) throws(StoreError) -> Bool {
        try cache.isEmpty(directory, mayWait: mayWait)
    }
}
