public import Pages

/// One entry of a listing.
public struct ListedEntry: Sendable {
    /// The component's bytes.
    public let name: [UInt8]
    /// What the store said of it.
    public let attributes: Attributes
}

/// One directory's entries, as one snapshot of the store, filled page by page by whoever reads it.
///
/// Entries keep their index for the life of the listing, so an index serves as a directory cookie. Compact: names
/// in one arena, fixed records, a hash index; under 150 bytes an entry for names and etags of usual length. Any
/// thread may call it.
public final class Listing: Sendable {
    init() {}

    /// How many entries are at hand now.
    public var count: Int { preconditionFailure("to be written") }

    /// Whether every page has been read.
    public var isComplete: Bool { preconditionFailure("to be written") }

    /// Runs `body` on entries at hand from an index on, until it returns `false`.
    ///
    /// No lock is held while `body` runs.
    /// - Parameters:
    ///   - index: The first entry wanted; may be past the end.
    ///   - body: Gets index, name (valid during the call only) and attributes; returns `false` to stop.
    public func forEach(from index: Int, _ body: (Int, UnsafeRawBufferPointer, Attributes) -> Bool) {
        preconditionFailure("to be written")
    }

    /// Finds a name among the entries at hand.
    /// - Parameter name: One component.
    /// - Returns: What the store said of it, or nil if it is not among them.
    public func find(_ name: some Collection<UInt8>) -> Attributes? { preconditionFailure("to be written") }

    /// Waits until there are more than `count` entries or the listing is complete, reading pages on this
    /// thread unless another thread is reading one already.
    /// - Parameter count: How many entries the caller has seen.
    /// - Throws: What the store threw, to every waiter; the next call tries the page again.
    public func fill(beyond count: Int) throws(StoreError) { preconditionFailure("to be written") }

    /// Says that a directory handle is still reading, which keeps the snapshot trusted for its names.
    public func touch() { preconditionFailure("to be written") }
}
