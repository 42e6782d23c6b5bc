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

/// Who asks for a change.
public struct Caller: Hashable, Sendable {
    /// Effective user.
    public var uid: UInt32
    /// Effective group.
    public var gid: UInt32
    /// The thread; 0 if it cannot be seen.
    public var pid: Int32

    /// Describes a caller.
    /// - Parameters:
    ///   - uid: Effective user.
    ///   - gid: Effective group.
    ///   - pid: The thread; 0 if it cannot be seen.
    public init(uid: UInt32, gid: UInt32, pid: Int32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}

/// What create, mknod, mkdir and symlink make.
public struct NewNode: Hashable, Sendable {
    /// File type and permission bits; the umask has been applied.
    public var mode: UInt32
    /// Device number of a special file.
    public var device: UInt64
    /// The text of a symbolic link.
    public var target: [UInt8]
    /// Who makes it.
    public var caller: Caller

    /// Describes what to make.
    /// - Parameters:
    ///   - mode: File type and permission bits; the umask has been applied.
    ///   - device: Device number of a special file.
    ///   - target: The text of a symbolic link.
    ///   - caller: Who makes it.
    public init(mode: UInt32, device: UInt64 = 0, target: [UInt8] = [], caller: Caller) {
        self.mode = mode
        self.device = device
        self.target = target
        self.caller = caller
    }
}

/// What setattr changes; nil stays as it is.
public struct NodeChange: Hashable, Sendable {
    /// A time that is set.
    public enum Time: Hashable, Sendable {
        /// The moment of the call.
        case now
        /// Nanoseconds since 1970.
        case at(Int64)
    }

    /// Permission bits, without the type.
    public var permissions: UInt32?
    /// Owner.
    public var uid: UInt32?
    /// Group.
    public var gid: UInt32?
    /// Length in bytes.
    public var size: Int64?
    /// Last access.
    public var accessed: Time?
    /// Last change of the contents.
    public var modified: Time?

    /// A change of nothing.
    public init() {}

    /// Whether anything but the length is to be changed.
    var hasAttributes: Bool {
        permissions != nil || uid != nil || gid != nil || accessed != nil || modified != nil
    }

    /// The change without the length, at a moment.
    func attributes(at now: Int64) -> AttributeChange {
        func moment(_ time: Time?) -> Int64? {
            switch time {
            case nil: nil
            case .now?: now
            case .at(let time)?: time
            }
        }
        var change = AttributeChange(changed: now)
        change.permissions = permissions
        change.uid = uid
        change.gid = gid
        change.accessed = moment(accessed)
        change.modified = moment(modified)
        return change
    }
}
