import CFuse3Shim
import Glibc

/// Why an unmount failed; the text is one line that names the thing and the remedy.
public enum UnmountError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing is mounted there.
    case notMounted(String)
    /// Somebody uses the mount.
    case busy(String)
    /// This user may not unmount it.
    case denied(String)
    /// The program that unmounts for users is missing.
    case noHelper
    /// The system refused for another reason; the second text says why.
    case failed(String, String)

    /// One line that names the thing and the remedy.
    public var description: String {
        switch self {
        case .notMounted(let path): "nothing is mounted on \(path): look with alluxio-fuse"
        case .busy(let path): "\(path) is in use: end the programs that use it, or unmount with -f"
        case .denied(let path):
            "\(path) cannot be unmounted by user \(geteuid()): do it as its owner or as root"
        case .noHelper:
            "fusermount3 is missing, without which only root can unmount: install the package fuse3"
        case .failed(let path, let why): "\(path) cannot be unmounted: \(why)"
        }
    }
}

/// The kernel's mounts, as this process sees them, and what to do about dead ones.
public enum MountTable {
    /// The type under which our mounts are shown.
    public static let type = "fuse.alluxio-fuse"

    /// What is at a path.
    public enum State: Hashable, Sendable {
        /// Not a mount point.
        case none
        /// A mount of ours that answers.
        case alive(MountEntry)
        /// A mount of ours whose daemon is gone.
        case dead(MountEntry)
        /// A mount of ours that did not answer in time.
        case hung(MountEntry)
        /// A mount of another kind.
        case other(MountEntry)
    }

    /// What looking at a path gave.
    struct Probe {
        /// 0, or the errno of stat; ETIMEDOUT if it did not answer in time.
        var status: Int32
        /// The path without symbolic links; empty if unknown.
        var resolved: [UInt8]
    }

    /// Every mount of this process's mount namespace, in the order in which they were made.
    /// - Returns: The mounts; empty if `/proc` is not there.
    public static func current() -> [MountEntry] {
        guard let text = contents(of: "/proc/self/mountinfo") else { return [] }
        return text.split(separator: UInt8(ascii: "\n")).compactMap { MountEntry(mountinfo: Array($0)) }
    }

    /// The mounts of ours, alive or not.
    /// - Returns: Those of ``type``.
    public static func ours() -> [MountEntry] { current().filter { $0.type == type } }

    /// Tells what is mounted at a path, without waiting for a daemon that hangs.
    /// - Parameters:
    ///   - mountpoint: A path; symbolic links are followed.
    ///   - deadline: How long a daemon may take to answer.
    /// - Returns: The uppermost mount there, and whether it is alive.
    public static func state(of mountpoint: String, within deadline: Duration = .seconds(2)) -> State {
        let found = probe(mountpoint, within: deadline)
        let path = found.resolved.isEmpty ? Array(mountpoint.utf8) : found.resolved
        guard let entry = current().last(where: { $0.mountpoint == path }) else { return .none }
        guard entry.type == type else { return .other(entry) }
        switch found.status {
        // EACCES: a mount of another user, who alone may look into it; its daemon is there.
        case 0, EACCES: return .alive(entry)
        case ETIMEDOUT: return .hung(entry)
        default: return .dead(entry)
        }
    }

    /// Unmounts what is uppermost at a path.
    /// - Parameters:
    ///   - mountpoint: A path.
    ///   - lazily: Whether to take it out of sight although it is in use.
    /// - Throws: ``UnmountError``.
    public static func unmount(_ mountpoint: String, lazily: Bool) throws(UnmountError) {
        let flags = UInt32(UMOUNT_NOFOLLOW) | (lazily ? UInt32(MNT_DETACH) : 0)
        guard umount2(mountpoint, Int32(flags)) != 0 else { return }
        switch errno {
        case EPERM: try unmountThroughHelper(mountpoint, lazily: lazily)
        case EBUSY: throw .busy(mountpoint)
        case EINVAL, ENOENT: throw .notMounted(mountpoint)
        case let status: throw .failed(mountpoint, MountCheck.describe(status))
        }
    }

    /// Looks at a path in a process of its own.
    static func probe(_ path: String, within deadline: Duration) -> Probe {
        let parts = deadline.components
        let milliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        var resolved = [CChar](repeating: 0, count: Int(PATH_MAX))
        let status = afuse_probe_path(path, &resolved, resolved.count, Int32(clamping: milliseconds))
        return Probe(
            status: -status,
            resolved: resolved.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        )
    }

    private static func unmountThroughHelper(_ path: String, lazily: Bool) throws(UnmountError) {
        guard Fusermount.path != nil else { throw .noHelper }
        let arguments = ["-u", "-q"] + (lazily ? ["-z"] : []) + ["--", path]
        guard Fusermount.run(arguments, within: .seconds(10)) != 0 else { return }
        // It tells its reasons to people only.
        switch state(of: path) {
        case .none: throw .notMounted(path)
        case .alive where !lazily: throw .busy(path)
        default: throw .denied(path)
        }
    }

    private static func contents(of path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(file, &part, part.count)
            guard count > 0 else { return text }
            text += part[..<count]
        }
    }
}
