public import Pages

/// Settings of an ``AttributedStore``.
public struct AttributedStoreOptions: Sendable {
    /// Permission bits that the mount shows of a file nothing is said of.
    public var fileMode: UInt32 = 0o644
    /// The same of a directory.
    public var directoryMode: UInt32 = 0o755
    /// Owner that the mount shows where nothing is said.
    public var uid: UInt32 = 0
    /// The same for the group.
    public var gid: UInt32 = 0
    /// Time of a directory whose keys have none, nanoseconds since 1970: that of the mount.
    public var mountTime: Int64 = 0
    /// For how long what an attribute object says is trusted; nil: for ever
    /// (`alluxio.user.file.metadata.sync.interval`).
    public var syncInterval: Duration? = .seconds(1)
    /// A directory for the journal, which must exist; nil: no journal, each change is in the store when its
    /// call returns.
    public var journalDirectory: String?
    /// How long changes of attributes, and removals, wait for others to go along with.
    public var groupDelay: Duration = .seconds(1)
    /// How many changes of one directory do not wait any longer.
    public var groupMaximum = 1000
    /// How often a bucket without attribute objects is asked whether it has one now; zero: before each
    /// question about a name.
    public var markerInterval: Duration = .seconds(30)
    /// How often a group commit reads again and merges when others write the same object.
    public var attemptsMaximum = 10
    /// How many entries are kept of directories with nothing to commit.
    public var entriesMaximum = 200_000
    /// How many directories are remembered, their entries aside.
    public var directoriesMaximum = 20_000
    /// How many requests one rename of a directory has under way.
    public var parallelCopies = 8
    /// How many bytes of extended attributes a name may have, names included.
    public var extendedBytesMaximum = 64 << 10
    /// How old an upload must be that nobody ended, to be aborted.
    public var uploadAge: Duration = .seconds(7 * 24 * 3600)
    /// Who is told of the addresses of removed names once their objects are gone from the store; nil: nobody.
    ///
    /// That is up to ``groupDelay`` after the removal, on the thread that deleted them; so it must not wait.
    public var onDeleted: (@Sendable (_ names: [UFSURI]) -> Void)?

    /// The default settings.
    public init() {}
}
