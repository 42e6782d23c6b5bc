public import Pages

/// What of a store may be changed.
public enum StoreMutability: Sendable {
    /// Whatever the store allows.
    case changeable
    /// Nothing: it is mounted for reading (EROFS).
    case readOnly
    /// Its names are made and removed by others than the mount's users, as mount points are.
    case fixed
}

/// Something that a store does from time to time.
public struct StoreChore: Sendable {
    /// Tells the chores of one moment, and their successors, apart: two with one number never run at once.
    public let id: UInt64
    /// Does it; waits for the store, and hides its errors.
    public let run: @Sendable () -> Void

    /// Describes a chore.
    /// - Parameters:
    ///   - id: A number that is the same each time, and no other chore's.
    ///   - run: Does it.
    public init(id: UInt64, run: @escaping @Sendable () -> Void) {
        self.id = id
        self.run = run
    }
}

/// What holds for a store that is all there is.
extension WritableStore {
    /// The address of the root.
    public var address: UFSURI { uri(of: .root) }

    /// Everything may be changed.
    public var mutability: StoreMutability { .changeable }

    /// This store: it has every path.
    /// - Parameters:
    ///   - path: Not looked at.
    ///   - mayWait: Not needed.
    /// - Returns: This store.
    /// - Throws: Nothing.
    public func home(of path: RelativePath, mayWait: Bool) throws(StoreError) -> any WritableStore { self }

    /// Every path leads here.
    /// - Parameter path: Not looked at.
    /// - Returns: `true`.
    public func holds(_ path: RelativePath) -> Bool { true }

    /// Any name may be tried: the store itself answers when the file is made.
    /// - Parameter path: A new name.
    /// - Throws: Nothing.
    public func permit(_ path: RelativePath) throws(StoreError) {}

    /// All of ``housekeep()`` as one.
    public var chores: [StoreChore] { [StoreChore(id: 0) { housekeep() }] }
}
