import CFuse3
import CFuse3Shim
import Glibc

/// What can be seen to be wrong before libfuse is asked, so that the error can name its remedy.
enum MountCheck {
    /// Looks at mount point, device and helper.
    static func check(_ options: MountOptions) throws(MountError) {
        try checkDirectory(options)
        try checkDevice()
        if geteuid() != 0 { try checkHelper(options) }
    }

    private static func checkDirectory(_ options: MountOptions) throws(MountError) {
        let path = options.mountpoint
        var found = MountTable.probe(path, within: probeTimeout)
        // Where nothing is mounted, a late answer is a busy machine's.
        if found.status == ETIMEDOUT,
            !MountTable.current().contains(where: { $0.mountpoint == Array(path.utf8) })
        {
            found = MountTable.probe(path, within: busyTimeout)
        }
        switch found.status {
        case 0: break
        case ENOENT: throw .missing(path)
        case ENOTDIR: throw .notDirectory(path)
        case ENOTCONN, ECONNABORTED, ETIMEDOUT: throw .dead(path)
        case let status: throw .noPermission(path, describe(status))
        }
        guard let directory = opendir(path) else {
            if errno == ENOTDIR { throw .notDirectory(path) }
            throw .noPermission(path, describe(errno))
        }
        defer { closedir(directory) }
        if geteuid() != 0 { try checkOwner(path) }
        guard !options.acceptsNonEmpty else { return }
        // `.` and `..` come too.
        var entries = 0
        while entries <= 2, readdir(directory) != nil { entries += 1 }
        if entries > 2 { throw .notEmpty(path) }
    }

    /// fusermount3 asks for the same.
    private static func checkOwner(_ path: String) throws(MountError) {
        guard access(path, W_OK) != 0 else { return }
        throw .noPermission(path, "it is not writable for user \(geteuid())")
    }

    private static func checkDevice() throws(MountError) {
        let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        if device >= 0 {
            close(device)
            return
        }
        switch errno {
        case EACCES, EPERM: throw .deviceDenied
        default: throw .noDevice
        }
    }

    private static func checkHelper(_ options: MountOptions) throws(MountError) {
        guard let helper = Fusermount.path else { throw .noHelper }
        var attributes = stat()
        guard stat(helper, &attributes) == 0, attributes.st_uid == 0, attributes.st_mode & S_ISUID != 0 else {
            throw .helperPowerless(helper)
        }
        if options.allowsOthers, !usersMayAllowOthers(configuration: "/etc/fuse.conf") {
            throw .othersNotAllowed
        }
    }

    /// Whether a line of fuse.conf says `user_allow_other`.
    static func usersMayAllowOthers(configuration path: String) -> Bool {
        guard let file = fopen(path, "re") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\t" || $0 == "\n" }
            if words == ["user_allow_other"] { return true }
        }
        return false
    }

    static func describe(_ status: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        afuse_describe_error(status, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let probeTimeout = Duration.seconds(2)
    private static let busyTimeout = Duration.seconds(10)
}
