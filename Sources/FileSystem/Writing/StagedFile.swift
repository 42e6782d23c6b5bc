import CLinux
import Glibc
import Metadata
import Pages
import Synchronization

/// One file of a staging directory: a sparse file, removed with the object.
///
/// Any thread may call it. Bytes that were never written, or were erased, read as zeros.
final class StagedFile: Pin {
    let descriptor: Int32
    let name: String
    private let directory: StagingDirectory
    /// The address of the root of the store that will get it.
    private let store: UFSURI
    /// Bytes of the directory's room that this file has taken.
    private let taken = Atomic<Int64>(0)
    private let isKept = Atomic(false)

    init(descriptor: Int32, name: String, directory: StagingDirectory, store: UFSURI) {
        self.store = store
        self.descriptor = descriptor
        self.name = name
        self.directory = directory
    }

    deinit {
        close(descriptor)
        if !isKept.load(ordering: .relaxed) { directory.remove(name) }
        try? directory.note(StagingEvent(.ended, file: name))
        directory.give(taken.load(ordering: .relaxed))
    }

    /// Notes what the file holds the changes of, from now on.
    func began(_ path: RelativePath, base: FileVersion?) throws(FileSystemError) {
        var event = StagingEvent(.began, file: name)
        event.path = path.bytes
        event.store = store
        event.base = base
        try directory.note(event)
    }

    /// Notes that the store has everything, or (`.dirty`) not any more.
    func noted(_ kind: StagingEvent.Kind) throws(FileSystemError) {
        try directory.note(StagingEvent(kind, file: name))
    }

    /// Notes that the times were set after the last write.
    func timed(_ times: StagingEvent.Times) throws(FileSystemError) {
        var event = StagingEvent(.timed, file: name)
        event.times = times
        try directory.note(event)
    }

    /// Puts the bytes on the disk, and what is needed to commit them.
    func promise(
        _ path: RelativePath,
        base: FileVersion?,
        _ contents: StagingEvent.Contents,
        _ owner: StagingEvent.Owner?
    ) throws(FileSystemError) {
        guard fdatasync(descriptor) == 0 else {
            throw StagingDirectory.failure(errno, "cannot sync '\(self.path)'")
        }
        var event = StagingEvent(.durable, file: name)
        event.path = path.bytes
        event.store = store
        event.base = base
        event.contents = contents
        event.owner = owner
        try directory.note(event, isDurable: true)
    }

    /// Puts the file where people find it, because the store will not get it.
    /// - Returns: Where it is.
    func keepAside(_ path: RelativePath) -> String {
        isKept.store(true, ordering: .relaxed)
        return directory.keepLost(name, path.bytes)
    }

    /// Takes room for more bytes.
    /// - Returns: `false` if there is none and `mayWait` is false.
    func reserve(_ count: Int64, mayWait: Bool) throws(FileSystemError) -> Bool {
        guard count > 0 else { return true }
        if !directory.take(count) {
            guard mayWait else { return false }
            try directory.takeWaiting(count, beside: taken.load(ordering: .relaxed))
        }
        taken.add(count, ordering: .relaxed)
        return true
    }

    /// Gives back room for bytes that are not there any more; holes among them never took any.
    func giveBack(_ count: Int64) {
        let count = min(count, taken.load(ordering: .relaxed))
        taken.subtract(count, ordering: .relaxed)
        directory.give(count)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileSystemError) {
        let outcome = linux_pwrite_all(descriptor, bytes.baseAddress, bytes.count, offset)
        guard outcome == 0 else { throw StagingDirectory.failure(-outcome, "cannot write '\(path)'") }
    }

    /// Gives bytes to a sink, in order, on this thread.
    func copy(_ span: Span, into sink: SpanSink) throws(StoreError) {
        var next = span.offset
        while next < span.end {
            let count = Int(min(span.end - next, Self.copiedBytes))
            let piece = PinnedBytes.Piece.file(descriptor: descriptor, offset: next, count: count)
            try PinnedBytes(pieces: [piece], pin: self).copy(into: sink)
            next += Int64(count)
        }
    }

    /// How much ``copy(_:into:)`` holds at a time.
    private static let copiedBytes: Int64 = 1 << 20

    /// Makes bytes zeros.
    func erase(_ span: Span) throws(FileSystemError) {
        guard !span.isEmpty else { return }
        let outcome = linux_punch_hole(descriptor, span.offset, Int64(span.count))
        guard outcome == 0 else { throw StagingDirectory.failure(-outcome, "cannot erase in '\(path)'") }
    }

    /// Makes the file at least that long, so that reads of zeros before its end find some.
    func extend(to size: Int64) throws(FileSystemError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw StagingDirectory.failure(errno, "cannot look at '\(path)'")
        }
        guard status.st_size < size, ftruncate(descriptor, off_t(size)) != 0 else { return }
        throw StagingDirectory.failure(errno, "cannot extend '\(path)'")
    }

    private var path: String { "\(directory.path)/\(name)" }
}
