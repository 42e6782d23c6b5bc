import Threading

/// Settings of a ``FileSystem``.
public struct FileSystemOptions: Sendable {
    /// Owner that is shown where the store knows none.
    public var uid: UInt32 = 0
    /// Group that is shown where the store knows none.
    public var gid: UInt32 = 0
    /// Permission bits of files and symbolic links where the store knows none: 0666 or 0644 less `umask` or
    /// `fmask`.
    public var fileMode: UInt32 = 0o644
    /// Permission bits of directories where the store knows none.
    public var directoryMode: UInt32 = 0o755
    /// Modification time of directories where the store keeps none, nanoseconds since 1970: when the mount
    /// started.
    public var mountTime = unixTime()

    /// For how long the kernel may believe attributes; nil: as long as the namespace trusts them.
    public var attributeTimeout: Duration?
    /// For how long the kernel may believe that a name leads to a node; nil: as long as the namespace trusts
    /// it.
    public var entryTimeout: Duration?
    /// For how long the kernel may believe that there is no such name; nil: for ever in mode -1, else not at
    /// all, since an absence that the namespace has kept for a while must not be kept as long again.
    public var negativeTimeout: Duration?
    /// The mode of consistency: `.zero`: every open asks the store; nil: never; else for how long an answer
    /// is trusted.
    ///
    /// The same value as the namespace cache has (`alluxio.user.file.metadata.sync.interval`).
    public var syncInterval: Duration? = .seconds(1)

    /// The most bytes that one sequential stream has asked for ahead of its reader.
    public var readAheadMaximum = 96 << 20
    /// The most bytes that all streams together have asked for ahead and not read yet.
    ///
    /// Should be well below what the page cache can hold.
    public var readAheadBudget = 128 << 20
    /// The most files and directories open at a time.
    public var openFilesMaximum = 1_000_000
    /// The most nodes that the kernel may hold references to.
    public var nodesMaximum = 50_000_000

    /// What `statfs` shows.
    public var statistics = FileSystemStatistics()
    /// Whether names that begin with `.alluxiocli.` are commands (`alluxio.fuse.special.command.enabled`).
    public var specialCommands = false
    /// The text of `user.alluxio.stats` on the root; nil: there is no such attribute.
    public var statisticsText: (@Sendable () -> [UInt8])?
    /// Tells the kernel that it must ask for a name again; nil: it keeps what it was told until that runs
    /// out.
    ///
    /// Called on a thread of the waiting pool, after a path was forgotten on request, for every name at or
    /// below it that the kernel has a node of. Gets the directory's node and the name.
    public var dropKernelEntry: (@Sendable (_ parent: NodeID, _ name: [UInt8]) -> Void)?

    /// The default settings.
    public init() {}
}
