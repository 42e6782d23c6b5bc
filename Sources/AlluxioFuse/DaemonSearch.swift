import FuseMount
import Glibc
import Settings
import SmallFiles

/// Finds the process that serves a mount, without files of its own and without asking the mount.
enum DaemonSearch {
    /// The process that has the mount's FUSE connection open; nil if there is none or it cannot be seen.
    static func process(serving mount: MountEntry) -> pid_t? {
        // For FUSE, the minor device number is the number of the connection.
        guard let minor = mount.device.split(separator: ":").last.flatMap({ Int($0) }) else { return nil }
        return processes().first { holdsConnection($0, minor) } ?? processes().first { isNamed($0, mount) }
    }

    private static func processes() -> [pid_t] {
        DirectoryNames.read("/proc").compactMap { pid_t($0) }.filter { $0 != getpid() }.sorted()
    }

    /// Newer kernels say the connection's number in the descriptor's information.
    private static func holdsConnection(_ process: pid_t, _ minor: Int) -> Bool {
        DirectoryNames.read("/proc/\(process)/fdinfo").contains { descriptor in
            guard let bytes = ProcessFile.bytes(process, "fdinfo/\(descriptor)") else { return false }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
                guard line.hasPrefix("fuse_connection:") else { return false }
                return Int(line.dropFirst("fuse_connection:".count).trimmingBlanks) == minor
            }
        }
    }

    /// Elsewhere the command line must do: the program, and the mount point as its last argument.
    private static func isNamed(_ process: pid_t, _ mount: MountEntry) -> Bool {
        guard let bytes = ProcessFile.bytes(process, "cmdline") else { return false }
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        guard let program = words.first?.split(separator: "/").last, words.count > 2 else { return false }
        return program == "alluxio-fuse" && words[1] == BackgroundStart.subcommand
            && words.last == mount.path
    }
}

extension MountEntry {
    /// The mount point as text.
    var path: String { String(decoding: mountpoint, as: UTF8.self) }
}
