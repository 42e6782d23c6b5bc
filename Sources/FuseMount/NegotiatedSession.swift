import CFuse3
import CFuse3Shim

/// What kernel and daemon agreed on at INIT.
public struct NegotiatedSession: Hashable, Sendable {
    /// The kernel's protocol version.
    public var protocolMajor = 0
    /// The kernel's minor protocol version.
    public var protocolMinor = 0
    /// The largest read in bytes.
    public var maxReadBytes = 0
    /// The largest write in bytes; less where the kernel's requests cannot hold that much.
    public var maxWriteBytes = 0
    /// The kernel's read-ahead in bytes, as offered.
    public var maxReadaheadBytes = 0
    /// The most read-ahead requests under way.
    public var maxBackground = 0
    /// From how many read-ahead requests on the kernel calls the mount congested.
    public var congestionThreshold = 0
    /// The switches that are on, by name.
    public var capabilities: [String] = []
    /// What the reply to INIT took of the kernel's flags, the second word in the upper half.
    public var acceptedFlags: UInt64 = 0

    /// The largest write that the kernel may send, in bytes: 256 pages, the most it does by itself.
    static let writeBytesMaximum = 1 << 20

    private static let names: [(Int32, String)] = [
        (FUSE_CAP_ASYNC_READ, "async_read"), (FUSE_CAP_ATOMIC_O_TRUNC, "atomic_o_trunc"),
        (FUSE_CAP_SPLICE_WRITE, "splice_write"), (FUSE_CAP_SPLICE_MOVE, "splice_move"),
        (FUSE_CAP_SPLICE_READ, "splice_read"), (FUSE_CAP_AUTO_INVAL_DATA, "auto_inval_data"),
        (FUSE_CAP_READDIRPLUS, "readdirplus"), (FUSE_CAP_READDIRPLUS_AUTO, "readdirplus_auto"),
        (FUSE_CAP_ASYNC_DIO, "async_dio"), (FUSE_CAP_PARALLEL_DIROPS, "parallel_dirops"),
        (FUSE_CAP_CACHE_SYMLINKS, "cache_symlinks"), (FUSE_CAP_EXPLICIT_INVAL_DATA, "explicit_inval_data"),
    ]

    /// Decides on INIT: sets what the reply will say.
    static func negotiate(_ connection: inout fuse_conn_info, _ options: MountOptions) -> NegotiatedSession {
        // No writeback cache: an error must reach the write, and another mount must see what was written. No
        // SPLICE_READ: what is written is looked at, so that libfuse would copy it out of its pipe. No
        // HANDLE_KILLPRIV: the kernel then takes set-user-ID bits away by SETATTR. No DONT_MASK and no
        // POSIX_ACL: the kernel applies the umask. Others' changes come as new inodes, so pages need no look
        // at the attributes, which AUTO_INVAL_DATA would give them.
        var wanted =
            FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_DIO | FUSE_CAP_ATOMIC_O_TRUNC
            | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS
        if options.movesPages { wanted |= FUSE_CAP_SPLICE_MOVE }
        switch options.directoryAttributes {
        case .automatic: wanted |= FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO
        case .always: wanted |= FUSE_CAP_READDIRPLUS
        case .never: break
        }
        connection.want = UInt32(wanted) & connection.capable
        let readBytes = options.readBytes(pipeBytesMaximum: Pipes.bytesMaximum)
        connection.max_read = UInt32(readBytes)
        // It also bounds the pages of a request, reads included, which have their own bound. libfuse takes it
        // back to what the kernel's requests can hold.
        connection.max_write = UInt32(Self.writeBytesMaximum)
        connection.max_background = UInt32(clamping: min(max(options.maxBackground, 1), 65535))
        let threshold = options.congestionThreshold ?? options.maxBackground * 3 / 4
        connection.congestion_threshold = UInt32(clamping: min(max(threshold, 1), options.maxBackground))
        return NegotiatedSession(connection)
    }

    private init(_ connection: fuse_conn_info) {
        protocolMajor = Int(connection.proto_major)
        protocolMinor = Int(connection.proto_minor)
        maxReadBytes = Int(connection.max_read)
        maxWriteBytes = Int(connection.max_write)
        maxReadaheadBytes = Int(connection.max_readahead)
        maxBackground = Int(connection.max_background)
        congestionThreshold = Int(connection.congestion_threshold)
        capabilities = Self.names.filter { connection.want & UInt32($0.0) != 0 }.map(\.1)
    }
}
