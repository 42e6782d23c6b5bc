import Glibc

/// Whole small files.
enum SmallFile {
    /// Reads a file.
    /// - Parameters:
    ///   - path: Which.
    ///   - limit: The most bytes it may have.
    /// - Returns: nil if it can't be read or is larger; errno says why.
    static func read(_ path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else {
                errno = EFBIG
                return nil
            }
        }
    }

    /// Makes a file that nobody may write, whole or not at all.
    /// - Parameters:
    ///   - path: Where; nothing must be there.
    ///   - bytes: The contents.
    /// - Returns: Whether it was made; `false` also if something is there by now (errno EEXIST).
    static func create(_ path: String, _ bytes: [UInt8]) -> Bool {
        let temporary = "\(path).new-\(UInt64.random(in: 0...(.max)))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard descriptor >= 0 else { return false }
        let isWritten = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        let isLinked = isWritten && link(temporary, path) == 0
        let code = errno
        unlink(temporary)
        errno = code
        return isLinked
    }

    /// The last failure of this thread in the system's words.
    static var lastError: String { String(cString: strerror(errno)) }
}
