public import Metadata

/// What a mount that may be written to has beside one for reading.
public struct WritingParts: Sendable {
    /// Where changes go.
    public var store: any WritableStore
    /// Where changed files lie until the store has them.
    public var staging: StagingDirectory
    /// When fsync is satisfied (`alluxio.fuse.fsync`).
    public var durability = Durability.commit

    /// When close is satisfied, and what is cached (`alluxio.user.file.writetype.default`).
    public var writeType = WriteType.cacheThrough

    /// How a file gets into the store.
    public enum WriteType: Sendable {
        /// It is in the store when close returns, and its bytes are cached.
        case cacheThrough
        /// It is in the store when close returns, and its bytes are not cached.
        case through
        /// It is on the local disk when close returns; the store gets it at once after.
        case asyncThrough
    }

    /// What fsync(2) promises.
    public enum Durability: Sendable {
        /// The store has the file.
        case commit
        /// The local disk has it; the store gets it when the file is closed.
        case stage
    }

    /// Collects the parts.
    /// - Parameters:
    ///   - store: Where changes go.
    ///   - staging: Where changed files lie until the store has them.
    public init(store: any WritableStore, staging: StagingDirectory) {
        self.store = store
        self.staging = staging
    }
}
