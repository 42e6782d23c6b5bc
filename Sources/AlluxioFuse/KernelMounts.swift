import Glibc

/// One line of the kernel's mount table.
struct KernelMount: Equatable, Sendable {
    let target: String
    let type: String
    let source: String
    /// Minor device number; for FUSE, the number of the connection.
    let minor: Int

    /// The type of our mounts.
    static let ownType = "fuse.alluxio-fuse"

    var isOurs: Bool { type == Self.ownType }
    var isFuse: Bool { type == "fuse" || type.hasPrefix("fuse.") }
}

/// Reads the kernel's mount table, without touching any mount: a hung one must not hang us.
enum KernelMounts {
    /// All mounts that this process sees, in the order they were made.
    static func all() -> [KernelMount] {
        parse(String(decoding: FileBytes.read("/proc/self/mountinfo", limit: 64 << 20) ?? [], as: UTF8.self))
    }

    /// The topmost mount at a path.
    static func find(_ target: String) -> KernelMount? { all().last { $0.target == target } }

    /// Reads the text of `/proc/self/mountinfo`; lines that are none are left out.
    static func parse(_ text: String) -> [KernelMount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 3 else {
                return nil
            }
            let device = fields[2].split(separator: ":")
            guard device.count == 2, let minor = Int(device[1]) else { return nil }
            return KernelMount(
                target: unescape(fields[4]),
                type: String(fields[dash + 1]),
                source: unescape(fields[dash + 2]),
                minor: minor
            )
        }
    }

    /// Undoes the kernel's `\040` escapes.
    static func unescape(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.first {
            let digits = rest.dropFirst().prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Reads small files whole.
enum FileBytes {
    /// The contents of a file, at most `limit` bytes of it; nil if it cannot be read.
    static func read(_ path: String, limit: Int = 1 << 16) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor, limit: limit)
    }

    /// Reads a descriptor to its end, at most `limit` bytes; nil on an error.
    static func read(_ descriptor: Int32, limit: Int) -> [UInt8]? {
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit, 1 << 16))
        while contents.count < limit {
            let count = Glibc.read(descriptor, &buffer, min(buffer.count, limit - contents.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            contents += buffer[..<count]
        }
        return contents
    }
}
