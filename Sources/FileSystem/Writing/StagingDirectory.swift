import CLinux
import Glibc
import Metadata
import Pages
import Synchronization
import Threading

/// The staging directory cannot be used.
public struct StagingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what, why, and the remedy.
    public let description: String
}

/// Where changed files lie until the store has them: one sparse file each, within a limit of bytes.
///
/// One process at a time uses a directory. Any thread may call it.
public final class StagingDirectory: Sendable {
    /// Its path.
    public let path: String
    /// The most bytes that are staged at a time.
    public let bytesMaximum: Int64

    /// Held for as long as the object lives; its lock keeps other daemons out.
    private let directory: Int32
    private let log: StagingLog
    /// What an earlier daemon left, until ``takeRemnants()``.
    private let remnants: Mutex<[StagedRemnant]>
    private let nextNumber = Atomic<UInt64>(1)
    /// No two daemons of one directory begin in the same nanosecond.
    private let prefix = String(UInt64(bitPattern: unixTime()), radix: 16)
    private let lock = Lock()
    private let freed = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) private var usedBytes: Int64 = 0

    /// Makes the directory if it is missing, and takes it.
    /// - Parameters:
    ///   - path: An absolute path.
    ///   - bytesMaximum: The most bytes that are staged at a time.
    /// - Throws: A ``StagingError`` if it cannot be made or written to, or if another daemon uses it.
    public init(path: String, bytesMaximum: Int64) throws(StagingError) {
        self.path = path
        self.bytesMaximum = bytesMaximum
        try Self.makeDirectories(path)
        let opened = linux_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
        guard opened >= 0 else { throw Self.error("cannot open", path, -opened) }
        let locked = linux_lock_exclusive(opened)
        guard locked == 0 else {
            close(opened)
            if locked == -EWOULDBLOCK {
                throw StagingError(
                    description: "staging directory '\(path)' is used by another mount; "
                        + "give each its own (alluxio.fuse.staging.dir)"
                )
            }
            throw Self.error("cannot lock", path, -locked)
        }
        directory = opened
        let probe = linux_open_at(opened, ".", O_RDWR | Self.unnamed, 0o600)
        if probe >= 0 { close(probe) }
        guard probe >= 0 || probe == -EOPNOTSUPP || probe == -EISDIR else {
            throw Self.error("cannot write to", path, -probe)
        }
        var code: Int32 = 0
        guard let log = StagingLog(in: opened, code: &code) else {
            throw Self.error("cannot keep a log in", path, code)
        }
        self.log = log
        remnants = Mutex(log.unfinished.map { StagedRemnant(file: $0.key, events: $0.value) })
        try Self.makeDirectories(journalDirectory)
        try Self.makeDirectories(lostDirectory)
    }

    /// What an earlier daemon left; each once.
    /// - Parameter again: Only those that were put back.
    /// - Returns: Them; nobody else gets them.
    func takeRemnants(again: Bool = false) -> [StagedRemnant] {
        remnants.withLock { remnants in
            let taken = remnants.filter { $0.isReported || !again }
            remnants.removeAll { $0.isReported || !again }
            return taken
        }
    }

    /// Keeps what an earlier daemon left for when its store can be written to.
    func putBack(_ remnant: StagedRemnant) {
        var remnant = remnant
        remnant.isReported = true
        remnants.withLock { $0.append(remnant) }
    }

    /// Opens what an earlier daemon left, for reading; nil if it is gone.
    func open(_ remnant: StagedRemnant) -> Int32? {
        let opened = linux_open_at(directory, remnant.file, O_RDONLY, 0)
        return opened >= 0 ? opened : nil
    }

    /// Deletes what an earlier daemon left and is not needed.
    func drop(_ remnant: StagedRemnant) {
        unlinkat(directory, remnant.file, 0)
        _ = log.note(StagingEvent(.ended, file: remnant.file))
    }

    /// Puts a file that the store will not get where people find it, with a note of its path.
    /// - Returns: Where it is.
    func keepLost(_ file: String, _ path: [UInt8]) -> String {
        let place = "\(lostDirectory)/\(file)"
        if renameat(directory, file, AT_FDCWD, place) == 0 {
            let note = linux_open_at(AT_FDCWD, place + ".path", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            if note >= 0 {
                _ = path.withUnsafeBytes { linux_pwrite_all(note, $0.baseAddress, $0.count, 0) }
                close(note)
            }
        }
        _ = log.note(StagingEvent(.ended, file: file))
        return place
    }

    /// Where files lie that could not be stored.
    var lostDirectory: String { "\(path)/lost" }

    func note(_ event: StagingEvent, isDurable: Bool = false) throws(FileSystemError) {
        let code = log.note(event, isDurable: isDurable)
        guard code == 0 else { throw Self.failure(code, "cannot write '\(path)/\(StagingLog.name)'") }
    }

    /// Where the store's journal lies.
    public var journalDirectory: String { "\(path)/journal" }

    deinit { close(directory) }

    /// O_TMPFILE of open(2), which the C library hides behind `_GNU_SOURCE`.
    private static let unnamed: Int32 = 0o20_200_000

    /// How long a writer waits for room.
    static let roomDeadline = Duration.seconds(60)

    /// How many bytes are staged.
    public var stagedBytes: Int64 {
        lock.lock()
        defer { lock.unlock() }
        return usedBytes
    }

    /// Makes an empty file.
    /// - Parameters:
    ///   - path: What it holds the changes of.
    ///   - store: The address of the root of the store that will get them.
    ///   - base: The version that is changed; nil for a new name.
    /// - Returns: The file, noted in the log.
    /// - Throws: ``FileSystemError/noSpace(_:)``, or another ``FileSystemError``.
    func makeFile(
        for path: RelativePath,
        in store: UFSURI,
        base: FileVersion?
    ) throws(FileSystemError) -> StagedFile {
        let staged = try makeFile(in: store)
        try staged.began(path, base: base)
        return staged
    }

    private func makeFile(in store: UFSURI) throws(FileSystemError) -> StagedFile {
        let number = nextNumber.add(1, ordering: .relaxed).oldValue
        let name = "\(prefix)-\(number).data"
        let file = linux_open_at(directory, name, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard file >= 0 else { throw Self.failure(-file, "cannot make '\(path)/\(name)'") }
        return StagedFile(descriptor: file, name: name, directory: self, store: store)
    }

    /// Takes room for bytes that will be staged.
    /// - Returns: `false` if there is none now; nothing was taken.
    func take(_ count: Int64) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard usedBytes + count <= bytesMaximum else { return false }
        usedBytes += count
        return true
    }

    /// Takes room, after others have given some back.
    /// - Parameters:
    ///   - count: How much, in bytes.
    ///   - own: What the same file has taken, which nobody gives back while it waits.
    /// - Throws: ``FileSystemError/noSpace(_:)`` after ``roomDeadline``, or at once if the file alone is too
    ///   large.
    func takeWaiting(_ count: Int64, beside own: Int64) throws(FileSystemError) {
        let deadline = MonotonicInstant.now + Self.roomDeadline
        lock.lock()
        defer { lock.unlock() }
        while usedBytes + count > bytesMaximum {
            guard own + count <= bytesMaximum, freed.wait(lock, until: deadline) else {
                throw .noSpace(
                    "staging directory '\(path)' holds \(usedBytes) of \(bytesMaximum) bytes that are not in "
                        + "the store yet; raise alluxio.fuse.staging.size"
                )
            }
        }
        usedBytes += count
    }

    /// Gives room back.
    func give(_ count: Int64) {
        guard count > 0 else { return }
        lock.lock()
        usedBytes -= count
        lock.unlock()
        freed.broadcast()
    }

    func remove(_ name: String) { unlinkat(directory, name, 0) }

    static func failure(_ code: Int32, _ what: String) -> FileSystemError {
        let text = "\(what): \(text(of: code))"
        return switch code {
        case ENOSPC: .noSpace(text)
        case EDQUOT: .quotaExceeded(text)
        case EFBIG: .tooLarge
        default: .inputOutput(text)
        }
    }

    private static func error(_ what: String, _ path: String, _ code: Int32) -> StagingError {
        StagingError(
            description: "\(what) the staging directory '\(path)': \(text(of: code)); "
                + "set alluxio.fuse.staging.dir to a directory that can be written to"
        )
    }

    private static func text(of code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &text, text.count) == 0 else { return "error \(code)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func makeDirectories(_ path: String) throws(StagingError) {
        let result = linux_make_directories(path)
        guard result == 0 else { throw error("cannot make", path, -result) }
    }
}
