import Glibc

/// What the system allows of a pipe, through which file contents are spliced.
enum Pipes {
    /// The largest pipe that an ordinary process may make, in bytes (`fs.pipe-max-size`).
    static let bytesMaximum: Int = {
        let file = open("/proc/sys/fs/pipe-max-size", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return systemDefault }
        defer { close(file) }
        let text = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            count = max(read(file, buffer.baseAddress, buffer.count), 0)
        }
        return Int(String(decoding: text.prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)) ?? systemDefault
    }()

    private static let systemDefault = 1 << 20
}
