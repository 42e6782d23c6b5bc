extension Property {
    package static let sourceName = Property(
        "alluxio.fuse.fs.name",
        .text,
        aliases: ["fsname"],
        "Source that `mount` shows; without it, the store's address, or `alluxio-fuse:` and the cluster."
    )
    package static let defaultOptions = Property(
        "alluxio.fuse.mount.options",
        .text,
        "Mount options, as a comma list, that hold unless `-o` says otherwise."
    )
    package static let configurationDirectory = Property(
        "alluxio.conf.dir",
        .path,
        "Directory of `alluxio-site.properties`. Not read from the file itself."
    )
    package static let unmountTimeout = Property(
        "alluxio.fuse.umount.timeout",
        .duration(.zero ... .seconds(60), allowsForever: false),
        default: "0s",
        "How long `alluxio-fuse umount` waits for open files before it detaches the mount."
    )
    package static let openFilesMaximum = Property(
        "alluxio.fuse.open.files.max",
        .integer(16...10_000_000),
        default: "65536",
        "The most files open in the mount at a time; beyond it open fails with ENFILE."
    )
    package static let specialCommands = Property(
        "alluxio.fuse.special.command.enabled",
        .flag,
        default: "false",
        "Whether `ls -l <dir>/.alluxiocli.metadatacache.drop` and its kin are commands."
    )

    static let mount = [
        sourceName, defaultOptions, configurationDirectory, unmountTimeout, openFilesMaximum, specialCommands,
    ]

    private static let kernelTimeout = PropertyKind.duration(
        .zero ... .seconds(86_400 * 365),
        allowsForever: false,
        bareUnit: .seconds(1)
    )
    private static let identifier = PropertyKind.integer(0...4_294_967_294)

    private static func option(
        _ key: String,
        _ kind: PropertyKind,
        default fallback: String? = nil,
        aliases: [String] = [],
        _ summary: String
    ) -> Property {
        Property(key, kind, default: fallback, aliases: aliases, place: .option, summary)
    }

    package static let allowOther = option(
        "allow_other",
        .flag,
        default: "false",
        "Let other users see the mount."
    )
    package static let allowRoot = option(
        "allow_root",
        .flag,
        default: "false",
        "Let root, beside you, see the mount."
    )
    package static let readOnly = option(
        "ro",
        .flag,
        default: "false",
        "Mark the mount read-only: the kernel refuses every change."
    )
    package static let attributeTimeout = option(
        "attr_timeout",
        kernelTimeout,
        "How long the kernel keeps attributes, in seconds; without it, as long as they are trusted."
    )
    package static let entryTimeout = option(
        "entry_timeout",
        kernelTimeout,
        "How long the kernel keeps names, in seconds; without it, as long as they are trusted."
    )
    package static let negativeTimeout = option(
        "negative_timeout",
        kernelTimeout,
        default: "0s",
        "How long the kernel keeps that a name is absent, in seconds."
    )
    package static let owner = option(
        "uid",
        identifier,
        "Owner of everything; without it, the user who mounts."
    )
    package static let group = option(
        "gid",
        identifier,
        "Group of everything; without it, the group of who mounts."
    )
    package static let mask = option("umask", .octal(0...0o777), "Permission bits that nothing has.")
    package static let fileMask = option("fmask", .octal(0...0o777), "Permission bits that no file has.")
    package static let directoryMask = option(
        "dmask",
        .octal(0...0o777),
        "Permission bits that no directory has."
    )
    package static let defaultPermissions = option(
        "default_permissions",
        .flag,
        default: "true",
        "Let the kernel check permission bits."
    )
    package static let maximumBackground = option(
        "max_background",
        .integer(1...65_535),
        default: "128",
        "The most requests the kernel sends ahead."
    )
    package static let maximumThreads = option(
        "max_threads",
        .integer(1...1024),
        "The most threads that read requests from the kernel; two for each processor unless set."
    )
    package static let maximumIdleThreads = option(
        "max_idle_threads",
        .integer(1...1024),
        default: "10",
        "The most of those threads kept while idle."
    )
    package static let maximumRead = option(
        "max_read",
        .bytes(4096...1 << 20),
        "The largest read the kernel sends, in bytes."
    )
    package static let nonEmpty = option(
        "nonempty",
        .flag,
        default: "false",
        "Mount over a directory that is not empty."
    )

    package static let directIO = option(
        "direct_io",
        .flag,
        default: "false",
        """
        Reads go round the kernel's page cache: half of the processor time for large data that is read once, \
        and no memory of the kernel; reading it again asks the daemon again, and a read of a few KiB costs a \
        request. Shared mappings need Linux 6.6.
        """
    )

    static let mountOptions = [
        allowOther, allowRoot, readOnly, attributeTimeout, entryTimeout, negativeTimeout, owner, group, mask,
        fileMask,
        directoryMask, defaultPermissions, maximumBackground, maximumThreads, maximumIdleThreads, maximumRead,
        nonEmpty, directIO,
    ]

    package static let logLevel = Property(
        "alluxio.fuse.log.level",
        .word(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        default: "info",
        aliases: ["log_level"],
        "The least level that is logged."
    )
    package static let logFormat = Property(
        "alluxio.fuse.log.format",
        .word(["text", "json"]),
        default: "text",
        aliases: ["log_format"],
        "How a log line looks."
    )
    package static let logFile = Property(
        "alluxio.fuse.log.file",
        .text,
        default: "syslog",
        aliases: ["log_file"],
        """
        Where a daemon in the background logs: an absolute path, or `syslog`. In the foreground lines go \
        to standard \
        error unless this is set.
        """
    )
    package static let slowOperation = Property(
        "alluxio.fuse.logging.threshold",
        .duration(.zero ... .seconds(3600), allowsForever: false),
        default: "10s",
        "Operations that take longer are logged."
    )
    package static let webEnabled = Property(
        "alluxio.fuse.web.enabled",
        .flag,
        default: "false",
        "Whether metrics are served over HTTP."
    )
    package static let webPort = Property(
        "alluxio.fuse.web.port",
        .integer(1...65_535),
        default: "49999",
        "Port of `/metrics`."
    )
    package static let webHost = Property(
        "alluxio.fuse.web.bind.host",
        .text,
        default: "127.0.0.1",
        "IPv4 address that `/metrics` listens on; `0.0.0.0` for all."
    )

    static let telemetry = [logLevel, logFormat, logFile, slowOperation, webEnabled, webPort, webHost]
}
