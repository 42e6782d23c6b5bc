import Metadata

/// Who asks for a change.
public struct Caller: Hashable, Sendable {
    /// User, as the file system sees it.
    public var uid: UInt32
    /// Group, as the file system sees it.
    public var gid: UInt32
    /// The asking thread, in the daemon's pid namespace; 0 if it cannot be seen from there.
    public var pid: Int32

    /// Names who asks.
    /// - Parameters:
    ///   - uid: User.
    ///   - gid: Group.
    ///   - pid: The asking thread; 0 if unknown.
    public init(uid: UInt32, gid: UInt32, pid: Int32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}

/// What is to be made under a new name.
public struct NewNode: Hashable, Sendable {
    /// File type and permission bits, as `st_mode`; the umask has been applied.
    public var mode: UInt32
    /// Device number of a special file, as `st_rdev`.
    public var device: UInt64
    /// The text of a symbolic link; empty for anything else.
    public var target: [UInt8]
    /// Who makes it.
    public var caller: Caller

    /// Describes what is to be made.
    /// - Parameters:
    ///   - mode: File type and permission bits, as `st_mode`.
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

/// A time to be set.
public enum TimeChange: Hashable, Sendable {
    /// The time at which the change is made.
    case now
    /// Nanoseconds since 1970.
    case at(Int64)
}

/// What chmod, chown, truncate and utimensat change; nil stays as it is.
public struct NodeChange: Hashable, Sendable {
    /// Permission bits, without the type.
    public var permissions: UInt32?
    /// Owner.
    public var uid: UInt32?
    /// Group.
    public var gid: UInt32?
    /// Length in bytes; not negative.
    public var size: Int64?
    /// Last access.
    public var accessed: TimeChange?
    /// Last change of the contents.
    public var modified: TimeChange?
    /// Last change of the attributes; nil: now, as for any change.
    public var changed: TimeChange?

    /// A change of nothing.
    public init() {}
}

extension NodeChange {
    /// Whether anything but the length is to be changed.
    var hasAttributes: Bool {
        permissions != nil || uid != nil || gid != nil || accessed != nil || modified != nil
    }

    /// The change without the length, at a moment.
    func attributes(at now: Int64) -> AttributeChange {
        func moment(_ time: TimeChange?) -> Int64? {
            switch time {
            case nil: nil
            case .now?: now
            case .at(let time)?: time
            }
        }
        var change = AttributeChange(changed: moment(changed) ?? now)
        change.permissions = permissions
        change.uid = uid
        change.gid = gid
        change.accessed = moment(accessed)
        change.modified = moment(modified)
        return change
    }
}
