import Glibc
import Pages
import Synchronization

/// A file that says what was promised and is not in the store yet.
///
/// Survives the process, since the kernel has what was written; what the last second before a loss of power
/// said may be lost. One process at a time (flock). Any thread may call it.
final class Journal: Sendable {
    private struct File {
        var descriptor: Int32
        var sizeBytes: Int
    }

    /// A journal of this size is written anew with what is still open.
    static let maximumBytes = 8 << 20
    static let name = "attributes.journal"

    private let path: String
    private let file: Mutex<File>
    /// What it promised when it was opened.
    let replay: JournalReplay

    /// Opens the journal of a directory, or makes it.
    /// - Throws: ``StoreError/unavailable(_:)`` if another process has it, or the system refuses.
    init(directory: String) throws(StoreError) {
        path = directory + "/" + Self.name
        let descriptor = try Self.open(path)
        do throws(StoreError) {
            let (records, end) = JournalRecord.records(in: try Self.contents(of: descriptor, path))
            // What is torn was never promised.
            guard ftruncate(descriptor, end) == 0 else { throw Self.error("cannot cut", path) }
            replay = JournalReplay(records)
            file = Mutex(File(descriptor: descriptor, sizeBytes: end))
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { _ = file.withLock { close($0.descriptor) } }

    var isTooLong: Bool { file.withLock { $0.sizeBytes > Self.maximumBytes } }
    var isEmpty: Bool { file.withLock { $0.sizeBytes == 0 } }

    /// Adds a record.
    /// - Throws: ``StoreError/noSpace(_:)`` or ``StoreError/unavailable(_:)``; then nothing is added.
    func append(_ record: JournalRecord) throws(StoreError) {
        let bytes = record.encoded
        try file.withLock { file throws(StoreError) in
            let written = bytes.withUnsafeBytes { write(file.descriptor, $0.baseAddress, $0.count) }
            guard written == bytes.count else {
                let error = Self.error("cannot write to", path)
                _ = ftruncate(file.descriptor, file.sizeBytes)
                throw error
            }
            file.sizeBytes += bytes.count
        }
    }

    /// Forgets everything, since nothing is open.
    func clear() {
        file.withLock { file in
            if ftruncate(file.descriptor, 0) == 0 { file.sizeBytes = 0 }
        }
    }

    /// Writes the journal anew.
    /// - Parameter records: What is still open.
    /// - Throws: ``StoreError/noSpace(_:)`` or ``StoreError/unavailable(_:)``; then the old one stays.
    func rewrite(_ records: [JournalRecord]) throws(StoreError) {
        let bytes = records.flatMap(\.encoded)
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = try Self.open(temporary)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count, fdatasync(descriptor) == 0, Glibc.rename(temporary, path) == 0 else {
            let error = Self.error("cannot rewrite", path)
            close(descriptor)
            throw error
        }
        file.withLock { file in
            close(file.descriptor)
            file = File(descriptor: descriptor, sizeBytes: bytes.count)
        }
    }

    private static func open(_ path: String) throws(StoreError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw error("cannot open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .unavailable("\(path) is in use by another process; each mount needs its own directory")
        }
        return descriptor
    }

    private static func contents(of descriptor: Int32, _ path: String) throws(StoreError) -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw error("cannot look at", path) }
        let size = Int(status.st_size)
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + count }, size - count, count)
                guard got > 0 else { break }
                count += got
            }
        }
        guard bytes.count == size else { throw error("cannot read", path) }
        return bytes
    }

    private static func error(_ action: String, _ path: String) -> StoreError {
        let code = errno
        let text = "\(action) \(path): \(String(cString: strerror(code)))"
        return code == ENOSPC || code == EDQUOT ? .noSpace(text) : .unavailable(text)
    }
}
