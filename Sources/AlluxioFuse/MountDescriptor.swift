import Glibc
import Settings

/// A mount point that the caller has mounted itself: `/dev/fd/N`, an open `/dev/fuse` for the daemon.
///
/// A value. The descriptor is the process's own; nobody else may keep it open, for the kernel ends the mount
/// with its last copy, and must do so when the daemon dies.
struct MountDescriptor: Hashable, Sendable {
    /// Where the daemon of a background start has it.
    static let inDaemon = MountDescriptor(number: 5)

    private static let prefix = "/dev/fd/"
    /// Character device 10, 229, as `st_rdev` has it.
    private static let fuseDevice: dev_t = 10 << 8 | 229

    /// Its number.
    let number: Int32

    private init(number: Int32) { self.number = number }

    /// Reads a mount point; nil if it is an ordinary path.
    /// - Parameter path: As it was given.
    init?(_ path: String) {
        let digits = path.dropFirst(Self.prefix.utf8.count)
        guard path.hasPrefix(Self.prefix), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int32(digits)
        else { return nil }
        self.number = number
    }

    /// The mount point that stands for it.
    var path: String { "\(Self.prefix)\(number)" }

    /// Makes sure that it is an open `/dev/fuse`, and that no program the daemon starts gets it.
    /// - Throws: A ``Failure`` that names the descriptor and the remedy.
    func prepare() throws(Failure) {
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw Failure(
                "mount point '\(path)': there is no descriptor \(number); leave it open, without "
                    + "close-on-exec, for the program that mounts"
            )
        }
        guard status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == Self.fuseDevice else {
            throw Failure(
                "mount point '\(path)' is no /dev/fuse; open /dev/fuse, mount a directory with fd=\(number), "
                    + "and leave the descriptor open"
            )
        }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }
}
