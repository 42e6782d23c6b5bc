import Glibc
import SmallFiles
import Volumes

/// What the kernel says of processes.
enum ProcessFacts {
    private static let bytesMaximum = 1 << 20

    /// When a process began, in the kernel's ticks since it was booted; nil if it is gone or a zombie.
    static func start(of process: pid_t) -> UInt64? {
        guard let bytes = try? SmallFile.read("/proc/\(process)/stat", atMostBytes: bytesMaximum) else {
            return nil
        }
        // The name may have blanks and parentheses; what follows its last parenthesis has none.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }

    /// Processes that there are.
    static var all: [pid_t] { DirectoryNames.read("/proc").compactMap { pid_t($0) } }

    /// The daemon that serves a mount point: `alluxio-fuse daemon <source> <mountpoint>`; the newest, if
    /// there are several.
    static func daemon(of mountPoint: String) -> pid_t? {
        let ending = [0] + Array(mountPoint.utf8) + [0]
        return all.filter { process in
            guard let bytes = try? SmallFile.read("/proc/\(process)/cmdline", atMostBytes: bytesMaximum)
            else {
                return false
            }
            let parts = bytes.split(separator: 0)
            return parts.count >= 4 && parts[1].elementsEqual("daemon".utf8)
                && bytes.suffix(ending.count).elementsEqual(ending)
        }.max { (start(of: $0) ?? 0) < (start(of: $1) ?? 0) }
    }

    /// The environment of this process.
    static var environment: [String: String] {
        var found: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let sign = text.firstIndex(of: "=") {
                found[String(text[..<sign])] = String(text[text.index(after: sign)...])
            }
            next += 1
        }
        return found
    }

    /// Whether a namespace other than ours still shows a dead mount on top of a place.
    /// - Parameter deadDevices: The devices of mounts that are dead.
    /// - Returns: A process that sees it; nil if nobody does.
    static func processThatSees(deadDevices: Set<String>) -> pid_t? {
        var seen: Set<String> = [namespace(of: getpid()) ?? ""]
        for process in all {
            guard let namespace = namespace(of: process), seen.insert(namespace).inserted else { continue }
            let table = MountInfoTable.current(of: "\(process)")
            let places = Set(table.mounts.filter { deadDevices.contains($0.device) }.map(\.place))
            if places.contains(where: { table.top(at: $0).map { deadDevices.contains($0.device) } ?? false })
            {
                return process
            }
        }
        return nil
    }

    private static func namespace(of process: pid_t) -> String? {
        var bytes = [CChar](repeating: 0, count: 128)
        let count = readlink("/proc/\(process)/ns/mnt", &bytes, bytes.count - 1)
        return count > 0
            ? String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
