import Glibc

/// Reads small files whole.
package enum FileBytes {
    /// The contents of a file, at most `limit` bytes of it; nil if it cannot be read.
    package static func read(_ path: String, limit: Int = 1 << 16) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor, limit: limit)
    }

    /// Reads a descriptor to its end, at most `limit` bytes; nil on an error.
    package static func read(_ descriptor: Int32, limit: Int) -> [UInt8]? {
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
