internal import Glibc

/// Files of settings, tokens and identities: small, and read or made as a whole.
///
/// No state; any thread may call it. Not for the way of a read: contents are copied, and a slow disk is
/// waited for.
public enum SmallFile {
    /// Why a file could not be read or made.
    public enum Failure: Error, Hashable, Sendable {
        /// There is none.
        case missing
        /// The text says what is wrong, as the end of a sentence about the file.
        case failed(String)

        /// What is wrong, as the end of a sentence about the file.
        public var text: String {
            switch self {
            case .missing: "does not exist"
            case .failed(let why): why
            }
        }
    }

    /// What tells one state of a file from the next without reading it.
    public struct Stamp: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64
        private let sizeBytes: Int64
        private let modified: [Int]
        private let changed: [Int]

        fileprivate init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            sizeBytes = Int64(status.st_size)
            modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        }
    }

    /// The stamp of a file as it is now.
    /// - Parameter path: Which.
    /// - Returns: The stamp; of a link, that of what it leads to.
    /// - Throws: ``Failure``.
    public static func stamp(_ path: String) throws(Failure) -> Stamp {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(errno) }
        return Stamp(status)
    }

    /// Reads a file.
    /// - Parameters:
    ///   - path: Which; a regular file, so that nobody waits for the writer of a FIFO.
    ///   - limit: The most bytes that it may have.
    /// - Returns: All of its bytes, none for an empty file.
    /// - Throws: ``Failure``, also for a file of more bytes.
    public static func read(_ path: String, atMostBytes limit: Int) throws(Failure) -> [UInt8] {
        try readStamped(path, atMostBytes: limit).bytes
    }

    /// Reads a file, and says which state of it that was.
    /// - Parameters:
    ///   - path: Which; a regular file.
    ///   - limit: The most bytes that it may have.
    /// - Returns: All of its bytes, and the stamp from before they were read.
    /// - Throws: ``Failure``, also for a file of more bytes.
    public static func readStamped(
        _ path: String,
        atMostBytes limit: Int
    ) throws(Failure) -> (bytes: [UInt8], stamp: Stamp) {
        // Without O_NONBLOCK the open of a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .failed("is not a regular file") }
        return (try contents(of: descriptor, atMostBytes: limit), Stamp(status))
    }

    /// Reads what is left of an open file or a pipe.
    /// - Parameters:
    ///   - descriptor: Stays open.
    ///   - limit: The most bytes that may be left.
    /// - Returns: All of them.
    /// - Throws: ``Failure``, also if there are more.
    public static func contents(
        of descriptor: Int32,
        atMostBytes limit: Int
    ) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(limit + 1, 1 << 16))
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(errno) }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else { throw .failed("is larger than \(sizeText(limit))") }
        }
    }

    /// Makes a file that nobody may write, whole or not at all.
    /// - Parameters:
    ///   - path: Where.
    ///   - bytes: The contents.
    /// - Returns: Whether it was made; `false` if something is there, which stays as it is.
    /// - Throws: ``Failure/failed(_:)``; then nothing is left behind.
    public static func create(_ path: String, _ bytes: [UInt8]) throws(Failure) -> Bool {
        let temporary = "\(path).new-\(UInt64.random(in: 0...(.max)))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard descriptor >= 0 else { throw unwritable(errno) }
        defer { unlink(temporary) }
        let isWritten = write(descriptor, bytes) && fsync(descriptor) == 0
        let code = errno
        close(descriptor)
        guard isWritten else { throw unwritable(code) }
        guard link(temporary, path) != 0 else { return true }
        guard errno == EEXIST else { throw unwritable(errno) }
        return false
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(
                    descriptor,
                    UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                    rest.count
                )
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    private static func sizeText(_ bytes: Int) -> String {
        if bytes.isMultiple(of: 1 << 20) { return "\(bytes >> 20) MiB" }
        return bytes.isMultiple(of: 1 << 10) ? "\(bytes >> 10) KiB" : "\(bytes) bytes"
    }

    private static func unreadable(_ code: Int32) -> Failure {
        switch code {
        case ENOENT, ENOTDIR: .missing
        case EACCES, EPERM: .failed("may not be read by this user")
        default: .failed("cannot be read: \(String(cString: strerror(code)))")
        }
    }

    private static func unwritable(_ code: Int32) -> Failure {
        .failed("cannot be made: \(String(cString: strerror(code)))")
    }
}
