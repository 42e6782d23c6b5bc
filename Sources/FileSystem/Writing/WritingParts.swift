public import Metadata

/// What a mount that may be written to has beside one for reading.
public struct WritingParts: Sendable {
    /// Where changes go.
    public var store: any WritableStore
    /// Where changed files lie until the store has them.
    public var staging: StagingDirectory
    /// When fsync is satisfied (`alluxio.fuse.fsync`).
    public var durability = Durability.commit

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
