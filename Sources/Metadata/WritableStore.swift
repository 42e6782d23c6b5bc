public import Pages

/// A new name that is no regular file with contents: what mkdir, mknod and symlink make, and an empty file.
public struct NewEntry: Sendable {
    /// File type and permission bits, as `st_mode`; the umask has been applied.
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Device number of a special file, as `st_rdev`.
    public var device: UInt64
    /// The text of a symbolic link; empty for anything else.
    public var target: [UInt8]
    /// All of its times, nanoseconds since 1970.
    public var time: Int64

    /// Describes a new name.
    /// - Parameters:
    ///   - mode: File type and permission bits, as `st_mode`.
    ///   - uid: Owner.
    ///   - gid: Group.
    ///   - device: Device number of a special file.
    ///   - target: The text of a symbolic link.
    ///   - time: All of its times, nanoseconds since 1970.
    public init(
        mode: UInt32,
        uid: UInt32,
        gid: UInt32,
        device: UInt64 = 0,
        target: [UInt8] = [],
        time: Int64
    ) {
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.device = device
        self.target = target
        self.time = time
    }
}

/// What chmod, chown and utimensat change; nil stays as it is.
public struct AttributeChange: Hashable, Sendable {
    /// Permission bits, without the type.
    public var permissions: UInt32?
    /// Owner.
    public var uid: UInt32?
    /// Group.
    public var gid: UInt32?
    /// Last access, nanoseconds since 1970.
    public var accessed: Int64?
    /// Last change of the contents, nanoseconds since 1970.
    public var modified: Int64?
    /// When the change was made, nanoseconds since 1970: the new change time.
    public var changed: Int64

    /// A change of nothing but the change time.
    /// - Parameter changed: When it was made, nanoseconds since 1970.
    public init(changed: Int64) {
        self.changed = changed
    }

    /// What attributes look like after the change.
    /// - Parameter attributes: Before it.
    /// - Returns: After it.
    public func applied(to attributes: POSIXAttributes) -> POSIXAttributes {
        var result = attributes
        if let permissions { result.mode = result.mode & ~0o7777 | permissions & 0o7777 }
        if let uid { result.uid = uid }
        if let gid { result.gid = gid }
        if let accessed { result.accessed = accessed }
        result.changed = changed
        return result
    }
}

/// What must be true of a name for a change to be made.
public enum ChangeCondition: Hashable, Sendable {
    /// Nothing is under the name.
    case absent
    /// The name holds this version.
    case version(ETag)
    /// Whatever is there is replaced.
    case always
}

/// How rename(2) treats a target that exists.
public enum RenameMode: Sendable {
    /// It is replaced.
    case replace
    /// It is an error (`RENAME_NOREPLACE`).
    case noReplace
    /// Both change places (`RENAME_EXCHANGE`).
    case exchange
}

/// Whether a directory has other entries than the one that is being removed.
public enum Siblings: Sendable {
    /// It has.
    case some
    /// It has none: a directory that is implied by its keys would end with this one.
    case none
    /// Nobody has looked.
    case unknown
}

/// How setxattr(2) treats an attribute that exists or does not.
public enum AttributePresence: Sendable {
    /// Either is fine.
    case any
    /// It must be new (`XATTR_CREATE`).
    case absent
    /// It must be there (`XATTR_REPLACE`).
    case present
}

/// A whole new version of a file, to be committed.
///
/// The bytes of `kept` are those of `base`; all others, up to `size`, are read from `staged` at the same
/// offsets, where a hole is zeros.
public struct StagedContents: Sendable {
    /// Reads bytes of the base version; asked only for spans inside of `kept`.
    public typealias BaseReader = @Sendable (_ span: Span, _ sink: SpanSink) throws(StoreError) -> Void
    /// Gives the CRC-32C of staged bytes if it is known without reading them; any thread may ask.
    public typealias Sums = @Sendable (_ span: Span) -> UInt32?

    /// The version whose bytes are kept in part; nil if none are.
    public var base: FileVersion?
    /// What is kept of it: in order, not overlapping, inside of both sizes.
    public var kept: [Span]
    /// The new length in bytes.
    public var size: Int64
    /// The staging file, open for reading; stays open and unchanged during the commit.
    public var staged: Int32
    /// Knows sums of what is staged.
    public var sums: Sums
    /// Reads what is kept.
    public var readBase: BaseReader

    /// Describes new contents.
    /// - Parameters:
    ///   - base: The version whose bytes are kept in part; nil if none are.
    ///   - kept: What is kept of it: in order, not overlapping, inside of both sizes.
    ///   - size: The new length in bytes.
    ///   - staged: The staging file, open for reading.
    ///   - sums: Knows sums of what is staged.
    ///   - readBase: Reads what is kept.
    public init(
        base: FileVersion?,
        kept: [Span],
        size: Int64,
        staged: Int32,
        sums: @escaping Sums = { _ in nil },
        readBase: @escaping BaseReader
    ) {
        self.base = base
        self.kept = kept
        self.size = size
        self.staged = staged
        self.sums = sums
        self.readBase = readBase
    }
}

/// New contents on their way into a store, from the first staged byte to the commit.
///
/// A store may send parts ahead. Nothing is visible under the name before ``commit(_:if:attributes:)``
/// returns, and nothing is left behind if it throws or after ``abandon()``. One thread at a time calls
/// `commit` or `abandon`; `touched` and `sendAhead` may be called meanwhile by others and then do nothing.
public protocol ContentUpload: AnyObject, Sendable {
    /// Whether a whole part of the staged bytes before `end` has not been sent: if so, a call of
    /// ``sendAhead(to:from:sums:)`` on a pool thread is worth it. Never waits.
    /// - Parameter end: Bytes before it are staged, and were written in order from 0.
    /// - Returns: `true` if there is something to send.
    func wantsToSend(before end: Int64) -> Bool

    /// Sends one part that is staged whole, on this thread; several threads may do so at once.
    /// - Parameters:
    ///   - end: Bytes before it are staged, and will probably not change.
    ///   - staged: The staging file.
    ///   - sums: Knows sums of what is staged.
    /// - Throws: What the store said. The commit tries again; the error may be ignored.
    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError)

    /// Says that bytes were written again, so that parts with them, if sent, are out of date. Never waits.
    /// - Parameter span: What was written, or cut off.
    func touched(_ span: Span)

    /// Stores the contents whole and makes them visible under the name.
    /// - Parameters:
    ///   - contents: All of them.
    ///   - condition: What must be true of the name.
    ///   - attributes: Mode, owner and times of the file where they are not what the mount shows anyway, or
    ///     of a file that is new; nil: those the name has stay.
    /// - Returns: What the store now says of the name.
    /// - Throws: ``StoreError/stale`` if the condition did not hold, or another ``StoreError``.
    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes

    /// Gives up: takes back what was sent. May wait for the store, and hides its errors.
    func abandon()
}

/// A store that can be changed: POSIX on names, whatever the store itself knows of it.
///
/// `known` is what the caller last knew of a name; a store may use it to save a question, and must find out
/// (as ``StoreError/stale`` or another error) if it is wrong where acting on it would lose somebody else's
/// data. Any thread may call; calls run and wait on the caller's thread. Unless something else is said, a
/// change is durable in the store when the call returns, or in a journal that the next mount finishes.
public protocol WritableStore: MetadataSource {
    /// Where the store's root lies in the under file system, whatever is known of its links. Asks nothing.
    var address: UFSURI { get }

    /// What may be changed in it. Asks nothing.
    var mutability: StoreMutability { get }

    /// The store that a path lies in, for as long as the result is held: what is open is changed where it was
    /// opened, also if its path leads to another store by now.
    ///
    /// It takes the same paths as this store.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - mayWait: Whether the store may be waited for.
    /// - Returns: This store itself, unless there are several behind it.
    /// - Throws: ``StoreError/wouldWait``, ``StoreError/notFound`` if no store has the path, or why its store
    ///   can't be used.
    func home(of path: RelativePath, mayWait: Bool) throws(StoreError) -> any WritableStore

    /// Whether a path leads to this store now. Asks nothing.
    /// - Parameter path: A name, or the root.
    /// - Returns: `false` for what lies in another store, and once names lead elsewhere.
    func holds(_ path: RelativePath) -> Bool

    /// Whether a regular file is made in the store when it is created; else it appears with its first
    /// commit.
    var makesFilesAtOnce: Bool { get }

    /// Whether a file may have a name, before it has contents. Asks nothing.
    /// - Parameter path: A new name in a directory that is there.
    /// - Throws: ``StoreError/nameTooLong(_:)``, or ``StoreError/denied(_:)`` for a reserved name.
    func permit(_ path: RelativePath) throws(StoreError)

    /// Begins new contents of a file.
    /// - Parameter path: The name they will get.
    /// - Returns: The way there; asks nothing yet.
    func upload(to path: RelativePath) -> any ContentUpload

    /// Makes a directory, a symbolic link, a special file or an empty regular file.
    /// - Parameters:
    ///   - path: A new name in a directory that is there.
    ///   - entry: What to make.
    /// - Returns: Its attributes.
    /// - Throws: ``StoreError/exists``, ``StoreError/nameTooLong(_:)``, or another ``StoreError``.
    func make(_ path: RelativePath, _ entry: NewEntry) throws(StoreError) -> Attributes

    /// Makes one more name of a file.
    /// - Parameters:
    ///   - existing: A name of it; no directory.
    ///   - path: The new name.
    ///   - known: What `existing` is.
    ///   - time: Its new change time.
    /// - Returns: Its attributes: one name more.
    /// - Throws: ``StoreError/exists``, ``StoreError/unsupported(_:)``, or another ``StoreError``.
    func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes

    /// Removes a name that is no directory.
    /// - Parameters:
    ///   - path: The name.
    ///   - known: What it is.
    ///   - siblings: Whether its directory has other entries.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    func remove(_ path: RelativePath, known: Attributes, siblings: Siblings) throws(StoreError)

    /// Removes an empty directory.
    /// - Parameters:
    ///   - path: Not the root.
    ///   - siblings: Whether its parent has other entries.
    /// - Throws: ``StoreError/notEmpty``, ``StoreError/notFound``, or another ``StoreError``.
    func removeDirectory(_ path: RelativePath, siblings: Siblings) throws(StoreError)

    /// Moves a name, and everything below it.
    /// - Parameters:
    ///   - path: The name.
    ///   - target: Its new name; a directory may only replace an empty directory, a file only a file.
    ///   - mode: What becomes of a target that exists.
    ///   - known: What `path` is, and what `target` is: nil if it is absent.
    ///   - siblings: Whether the directory of `path` has other entries.
    /// - Returns: What `target` is now.
    /// - Throws: ``StoreError/exists``, ``StoreError/notEmpty``, ``StoreError/stale``, or another
    ///   ``StoreError``.
    func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes

    /// Changes mode, owner or times. Durable at the latest a second later, or when ``sync(_:)`` returns.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - change: What to change.
    ///   - known: What the name is.
    /// - Returns: Its attributes after the change.
    /// - Throws: ``StoreError``.
    func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes

    /// The extended attributes of a name: all of them, names with their namespace (`user.color`).
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - known: What it is.
    /// - Returns: Names (bytes, without a zero) and values.
    /// - Throws: ``StoreError``.
    func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])]

    /// Sets or removes one extended attribute.
    /// - Parameters:
    ///   - name: With its namespace.
    ///   - value: Up to 64 KiB; nil removes it.
    ///   - presence: Whether it must be new or there.
    ///   - path: A name, or the root.
    ///   - known: What it is.
    ///   - time: Its new change time.
    /// - Throws: ``StoreError/exists`` or ``StoreError/notFound`` by `presence` (a removal wants it to be
    ///   there), ``StoreError/unsupported(_:)`` for a namespace that is not kept, or another ``StoreError``.
    func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError)

    /// Makes everything durable that was changed of a name, or of the names in a directory.
    /// - Parameter path: A name, or the root.
    /// - Throws: Why it is not durable.
    func sync(_ path: RelativePath) throws(StoreError)

    /// Makes everything durable that was changed anywhere in the store, as the end of a mount wants it.
    /// - Throws: Why something is not; what has a journal is finished by the next mount.
    func finish() throws(StoreError)

    /// Does what is due: group commits, abandoned uploads. To be called once a second, on a thread that may
    /// wait.
    func housekeep()

    /// What ``housekeep()`` does, in pieces that need not wait for one another: one for each store.
    var chores: [StoreChore] { get }
}
