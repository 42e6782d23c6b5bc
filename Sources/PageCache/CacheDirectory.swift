import CLinux
import Glibc

/// The directory of a disk cache: ours alone, marked and locked.
///
/// Any thread may call it.
final class CacheDirectory: Sendable {
    /// The directory's path, for messages.
    let path: String
    /// The descriptor that all names are relative to.
    let descriptor: Int32
    /// Changes with each start of the kernel: what was written under another one is checked before it is
    /// used.
    let boot: [UInt8]
    private let lockDescriptor: Int32

    /// What the marker file says.
    static let format = "alluxio-fuse page cache 1"
    private static let markerName = "alluxio-fuse-cache"
    private static let lockName = "lock"

    /// Opens a cache directory, making it if it does not exist.
    /// - Parameters:
    ///   - path: The directory; its parent is made as well.
    ///   - boot: The kernel's boot id, or what a test puts in its place.
    /// - Throws: ``PageCacheError`` if it cannot be used, or is somebody else's.
    init(path: String, boot: [UInt8]) throws(PageCacheError) {
        guard !path.isEmpty else { throw .badOption("the cache directory has no name; give a path") }
        let made = linux_make_directories(path)
        guard made != -ENOTDIR else { throw .notDirectory(path: path) }
        guard made == 0 else { throw .failed("make", path, made) }
        let opened = linux_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
        guard opened != -ENOTDIR else { throw .notDirectory(path: path) }
        guard opened >= 0 else { throw .failed("open", path, opened) }
        var lock: Int32 = -1
        do throws(PageCacheError) {
            try Self.checkMarker(opened, path)
            lock = try Self.takeLock(opened, path)
        } catch {
            close(opened)
            throw error
        }
        self.path = path
        self.boot = boot
        descriptor = opened
        lockDescriptor = lock
    }

    deinit {
        close(lockDescriptor)
        close(descriptor)
    }

    /// The kernel's boot id.
    static func currentBoot() -> [UInt8] {
        let descriptor = linux_open_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0)
        guard descriptor >= 0 else { return randomBoot() }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 64)
        let count = linux_pread_all(descriptor, &text, text.count, 0)
        let digits = text.prefix(max(0, Int(count))).compactMap {
            Character(Unicode.Scalar($0)).hexDigitValue
        }
        guard digits.count == 32 else { return randomBoot() }
        return (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
    }

    /// Where the kernel does not say, nothing of an earlier process is trusted without a check.
    private static func randomBoot() -> [UInt8] { (0..<16).map { _ in .random(in: 0...255) } }

    private static func checkMarker(_ directory: Int32, _ path: String) throws(PageCacheError) {
        let marker = linux_open_at(directory, markerName, O_RDONLY | O_NOFOLLOW, 0)
        if marker >= 0 {
            defer { close(marker) }
            var text = [UInt8](repeating: 0, count: 128)
            let count = linux_pread_all(marker, &text, text.count, 0)
            guard count >= 0 else { throw .failed("read", path, Int32(count)) }
            let found = String(decoding: text.prefix(Int(count)).prefix { $0 != 0x0a }, as: UTF8.self)
            // An empty marker is one whose writer was killed; it had found the directory empty.
            guard found == format || count == 0 else { throw .otherFormat(path: path, found: found) }
            if count > 0 { return }
        } else if marker != -ENOENT {
            throw .failed("read", path, marker)
        } else {
            guard try isEmpty(directory, path) else { throw .notOurs(path: path) }
        }
        let made = linux_open_at(directory, markerName, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)
        guard made >= 0 else { throw .failed("write to", path, made) }
        defer { close(made) }
        let text = Array((format + "\n").utf8)
        let written = linux_pwrite_all(made, text, text.count, 0)
        guard written == 0 else { throw .failed("write to", path, written) }
    }

    private static func isEmpty(_ directory: Int32, _ path: String) throws(PageCacheError) -> Bool {
        let copy = linux_open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0)
        guard copy >= 0 else { throw .failed("list", path, copy) }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw .failed("list", path, -errno)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = DirectoryScan.name(of: entry)
            // A file system's own, there from its making, and where a mount stages what is written.
            let others = [".", "..", "lost+found", "staging", lockName]
            if !others.contains(name) { return false }
        }
        return true
    }

    private static func takeLock(_ directory: Int32, _ path: String) throws(PageCacheError) -> Int32 {
        let lock = linux_open_at(directory, lockName, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw .failed("lock", path, lock) }
        let taken = linux_lock_exclusive(lock)
        guard taken == 0 else {
            var text = [UInt8](repeating: 0, count: 32)
            let count = linux_pread_all(lock, &text, text.count, 0)
            close(lock)
            guard taken == -EWOULDBLOCK else { throw .failed("lock", path, taken) }
            let digits = text.prefix(max(0, Int(count))).prefix { (0x30...0x39).contains($0) }
            throw .inUse(path: path, processID: String(decoding: digits, as: UTF8.self))
        }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(lock, 0) == 0, linux_pwrite_all(lock, text, text.count, 0) == 0 else {
            let reason = errno
            close(lock)
            throw .failed("write to", path, -reason)
        }
        return lock
    }
}

extension PageCacheError {
    /// A failed system call.
    /// - Parameters:
    ///   - what: What was tried, a verb.
    ///   - path: The cache directory.
    ///   - result: `-errno`.
    /// - Returns: The error for the user.
    static func failed(_ what: String, _ path: String, _ result: Int32) -> PageCacheError {
        .unusable(path: path, what: what, reason: String(cString: strerror(-result)))
    }
}

/// Reads directories.
enum DirectoryScan {
    /// The name of a directory entry.
    static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafePointer(to: &entry.pointee.d_name) { field in
            field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
    }

    /// The names in a directory below another.
    /// - Returns: `nil` if it cannot be read; empty if it does not exist.
    static func names(_ path: String, below directory: Int32) -> [String]? {
        let descriptor = linux_open_at(directory, path, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { return descriptor == -ENOENT ? [] : nil }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = Self.name(of: entry)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
