/// A key of etcd with its value.
///
/// Keys are UTF-8 text; what is not UTF-8 is left out of every answer, since no key of ours is.
public struct EtcdEntry: Hashable, Sendable {
    /// The key.
    public var key: String
    /// The value.
    public var value: [UInt8]
    /// The revision of the last change of the key.
    public var modRevision: Int64
    /// The lease it lives by; 0 for none.
    public var lease: Int64

    /// Describes a key with its value.
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - modRevision: The revision of its last change.
    ///   - lease: The lease it lives by; 0 for none.
    public init(key: String, value: [UInt8], modRevision: Int64 = 0, lease: Int64 = 0) {
        self.key = key
        self.value = value
        self.modRevision = modRevision
        self.lease = lease
    }
}

/// Which keys an operation is about.
public enum EtcdKeys: Hashable, Sendable {
    /// One key.
    case key(String)
    /// Every key that begins with this text; not empty.
    case prefix(String)
}

/// What was read, all at one revision.
public struct EtcdSnapshot: Sendable {
    /// The revision of the store at which it was read; a watch goes on from the next one.
    public var revision: Int64
    /// What was found, in ascending order of keys.
    public var entries: [EtcdEntry]
}

/// A lease that was granted.
public struct EtcdLease: Hashable, Sendable {
    /// Its number; never 0.
    public var id: Int64
    /// How long it lives after the last keep-alive; etcd may give more than was asked for.
    public var timeToLive: Duration
}

/// Something that happened to a key.
public enum EtcdEvent: Hashable, Sendable {
    /// A key has a new value.
    case put(EtcdEntry)
    /// A key is gone: deleted, or its lease ended.
    case delete(key: String)
}

/// Steps that etcd takes all or none, depending on conditions.
public struct EtcdTransaction: Sendable {
    /// What must hold, all of it.
    public var conditions: [Condition]
    /// What is done if it holds, in order.
    public var then: [Step]
    /// What is done if it does not, in order.
    public var otherwise: [Step]

    /// A state of keys.
    public enum Condition: Hashable, Sendable {
        /// The key does not exist.
        case absent(String)
        /// The key exists and was last changed at this revision.
        case unchanged(key: String, modRevision: Int64)
        /// No key with this prefix was made or changed after this revision; deletions don't count.
        case nothingPut(prefix: String, after: Int64)
    }

    /// One step.
    public enum Step: Hashable, Sendable {
        /// Writes a value; with lease 0 it stays until deleted.
        case put(key: String, value: [UInt8], lease: Int64)
        /// Deletes keys.
        case delete(EtcdKeys)
        /// Reads keys.
        case get(EtcdKeys)
    }

    /// Describes a transaction.
    /// - Parameters:
    ///   - conditions: What must hold; nothing means `then` is done.
    ///   - then: What is done if it holds.
    ///   - otherwise: What is done if not.
    public init(if conditions: [Condition], then: [Step], otherwise: [Step] = []) {
        self.conditions = conditions
        self.then = then
        self.otherwise = otherwise
    }
}

/// What a transaction came to.
public struct EtcdOutcome: Sendable {
    /// Whether the conditions held.
    public var succeeded: Bool
    /// The revision of the store afterwards.
    public var revision: Int64
    /// What each step that reads found, in order of the steps.
    public var reads: [[EtcdEntry]]
    /// How many keys each step that deletes found, in order of the steps.
    public var deletions: [Int]
}
