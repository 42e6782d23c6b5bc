internal import Glibc

/// What tells one state of a small file from the next without reading it.
struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let modified: [Int]
    private let changed: [Int]

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}

/// A file of settings or a token, read whole.
enum SmallFile {
    /// The largest file that is read.
    static let sizeBytesMaximum = 1 << 20

    /// Why a file could not be read.
    enum Failure: Error, Hashable {
        /// There is none.
        case missing
        /// There is one; the text says what is wrong.
        case unreadable(String)

        /// What is wrong, as the end of a sentence about the file.
        var text: String {
            switch self {
            case .missing: "does not exist"
            case .unreadable(let why): why
            }
        }
    }

    /// The stamp of a file as it is now.
    static func stamp(_ path: String) throws(Failure) -> FileStamp {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(errno) }
        return FileStamp(status)
    }

    /// The contents of a file, and the stamp they belong to.
    static func read(_ path: String) throws(Failure) -> (bytes: [UInt8], stamp: FileStamp) {
        // Without O_NONBLOCK the open of a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable("is not a regular file") }
        var bytes = [UInt8](repeating: 0, count: sizeBytesMaximum + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { break }
            filled += count
        }
        guard filled <= sizeBytesMaximum else {
            throw .unreadable("is larger than \(sizeBytesMaximum >> 10) KiB")
        }
        return (Array(bytes[..<filled]), FileStamp(status))
    }

    /// A token file: its text without the blanks and line ends around it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - purpose: What names the file, for the error.
    /// - Returns: The token, not empty.
    /// - Throws: ``CredentialsError/failed(_:)`` with the path.
    static func token(_ path: String, namedBy purpose: String) throws(CredentialsError) -> String {
        let bytes: [UInt8]
        do throws(Failure) {
            bytes = try read(path).bytes
        } catch {
            throw .failed("the token file \(path) (\(purpose)) \(error.text)")
        }
        let isBlank = { (byte: UInt8) in byte <= UInt8(ascii: " ") }
        let head = bytes.drop(while: isBlank)
        let text = head[..<((head.lastIndex { !isBlank($0) } ?? head.startIndex - 1) + 1)]
        guard !text.isEmpty else { throw .failed("the token file \(path) (\(purpose)) is empty") }
        guard text.allSatisfy({ $0 > UInt8(ascii: " ") && $0 < 0x7F }) else {
            throw .failed("the token file \(path) (\(purpose)) holds characters that no token has")
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func failure(_ code: Int32) -> Failure {
        switch code {
        case ENOENT, ENOTDIR: .missing
        case EACCES, EPERM: .unreadable("may not be read by this user")
        default: .unreadable("cannot be read: \(String(cString: strerror(code)))")
        }
    }
}
