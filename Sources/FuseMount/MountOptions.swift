import Glibc

/// Settings of a mount.
public struct MountOptions: Sendable {
    /// When the kernel asks for attributes together with names.
    public enum DirectoryAttributes: Sendable {
        /// For the first entries of a directory, and on as long as somebody looks at them.
        case automatic
        /// For every entry.
        case always
        /// For none.
        case never
    }

    /// Where to mount; `/dev/fd/N` for a descriptor of /dev/fuse that the parent process mounts.
    public var mountpoint: String
    /// What the mount table shows as the source: the UFS URI.
    public var fsname: String
    /// What the mount table shows as the type, after `fuse.`; nil: plain `fuse`.
    public var subtype: String? = "alluxio-fuse"
    /// Whether the kernel refuses everything that would change something, `user.alluxio.invalidate` too;
    /// else the request comes here and is refused here.
    public var isReadOnly = true
    /// Whether other users may use the mount; asks for `user_allow_other` in /etc/fuse.conf unless root
    /// mounts.
    public var allowsOthers = false
    /// Whether the kernel checks permission bits.
    public var checksPermissions = false
    /// Whether set-user-ID bits count.
    public var allowsSetUserID = false
    /// Whether device files work.
    public var allowsDevices = false
    /// Whether programs can be run.
    public var allowsExecution = true
    /// Whether a mount point with entries is accepted.
    public var acceptsNonEmpty = false
    /// Whether open files go round the kernel's page cache.
    public var directIO = false
    /// When the kernel asks for attributes together with names.
    public var directoryAttributes = DirectoryAttributes.automatic
    /// Whether a buffered read moves pages out of the page cache of the file they are spliced from.
    ///
    /// It saves the kernel a copy, and the memory of one; but the cache file then has to be read from its
    /// disk again for a new mount, for a server, or when the kernel has dropped the moved pages.
    public var movesPages = false
    /// The largest read in bytes; a multiple of 4096, at most 512 KiB: a larger reply does not fit into a
    /// pipe, and libfuse then copies it without a word.
    public var maxReadBytes = 512 << 10
    /// The most read-ahead requests that the kernel has under way, 1 to 65535.
    public var maxBackground = 128
    /// Read-ahead requests from which on the kernel calls the mount congested; nil: three quarters of the
    /// most.
    public var congestionThreshold: Int?
    /// The most threads that serve requests, 1 to 1000; they never wait for the network.
    ///
    /// Two for each processor unless set: more only take turns, each with cold caches.
    public var maxThreads = min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 2), 32)
    /// Threads above this number end when they are idle; nil: none ends.
    public var maxIdleThreads: Int?
    /// How long the kernel may take to begin the session.
    public var initTimeout = Duration.seconds(10)
    /// Further `-o` options, each as `name` or `name=value`, given to libfuse as they are.
    public var libraryOptions: [String] = []

    /// The default settings.
    /// - Parameters:
    ///   - mountpoint: Where to mount.
    ///   - fsname: What the mount table shows as the source.
    public init(mountpoint: String, fsname: String) {
        self.mountpoint = mountpoint
        self.fsname = fsname
    }

    /// The largest read that ``maxReadBytes`` and a pipe allow, in bytes.
    func readBytes(pipeBytesMaximum: Int) -> Int {
        let page = 4096
        // A reply takes its bytes and three pages, and pipes grow in powers of two.
        let fitting = max(pipeBytesMaximum / 2, 32 * page)
        return max(min(maxReadBytes, 512 << 10, fitting) / page * page, page)
    }

    /// The options as libfuse reads them.
    func arguments(readBytes: Int) -> [String] {
        var words = ["fsname=\(Self.escaped(fsname))", "max_read=\(readBytes)"]
        if let subtype { words.append("subtype=\(Self.escaped(subtype))") }
        words.append(isReadOnly ? "ro" : "rw")
        if allowsOthers { words.append("allow_other") }
        if checksPermissions { words.append("default_permissions") }
        words.append(allowsSetUserID ? "suid" : "nosuid")
        words.append(allowsDevices ? "dev" : "nodev")
        words.append(allowsExecution ? "exec" : "noexec")
        return ["alluxio-fuse"] + (words + libraryOptions).map { "-o\($0)" }
    }

    /// Whether the mount point is a descriptor.
    var isDescriptor: Bool {
        mountpoint.hasPrefix("/dev/fd/") && UInt32(mountpoint.dropFirst("/dev/fd/".count)) != nil
    }

    private static func escaped(_ text: String) -> String {
        String(text.flatMap { $0 == "," || $0 == "\\" ? ["\\", $0] : [$0] })
    }
}
