import CLinux
import Glibc
import Synchronization

/// What a staging directory knows of its files, so that the next daemon can finish or report them.
///
/// A line an event, appended without waiting for the disk: it outlives the process, and a file whose contents
/// were promised has its line synced with them. Lines that cannot be read (a torn last one) are left out. Cut
/// to
/// nothing when no file is left. Any thread may call it.
final class StagingLog: Sendable {
    private struct State {
        var live: Set<String> = []
        var bytes = 0
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    /// From how many bytes on the log is cut when nothing is live.
    private static let cutBytes = 64 << 10
    /// The most bytes that are read of a log; one of 64 MiB has some 500 000 events.
    private static let readMaximum = 64 << 20

    /// The log's name in its directory.
    static let name = "log"

    /// Opens the log of a directory, or makes it.
    /// - Returns: nil with the errno in `code` if it cannot be opened.
    init?(in directory: Int32, code: inout Int32) {
        let opened = linux_open_at(directory, Self.name, O_RDWR | O_CREAT | O_APPEND, 0o600)
        guard opened >= 0 else {
            code = -opened
            return nil
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// What an earlier daemon left: the events of each file that did not end, in order.
    func unfinished() -> [String: [StagingEvent]] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return [:] }
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), Self.readMaximum))
        let got = bytes.withUnsafeMutableBytes { linux_pread_all(descriptor, $0.baseAddress, $0.count, 0) }
        guard got > 0 else { return [:] }
        var files: [String: [StagingEvent]] = [:]
        for line in bytes[..<Int(got)].split(separator: UInt8(ascii: "\n")) {
            guard let event = StagingEvent(line: line) else { continue }
            if event.kind == .ended {
                files[event.file] = nil
            } else {
                files[event.file, default: []].append(event)
            }
        }
        // The log is not cut before they have ended too.
        state.withLock { $0.live = Set(files.keys) }
        return files
    }

    /// Forgets everything that an earlier daemon left.
    func clear() { _ = ftruncate(descriptor, 0) }

    /// Notes an event.
    /// - Parameters:
    ///   - event: What happened.
    ///   - isDurable: Whether it must be on the disk when the call returns.
    /// - Returns: 0, or the errno.
    func note(_ event: StagingEvent, isDurable: Bool = false) -> Int32 {
        let line = event.line
        let code = state.withLock { state -> Int32 in
            if event.kind == .ended { state.live.remove(event.file) } else { state.live.insert(event.file) }
            if state.live.isEmpty, state.bytes > Self.cutBytes {
                state.bytes = 0
                return ftruncate(descriptor, 0) == 0 ? 0 : errno
            }
            state.bytes += line.count
            let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            return written == line.count ? 0 : (written < 0 ? errno : ENOSPC)
        }
        guard code == 0, isDurable else { return code }
        return fdatasync(descriptor) == 0 ? 0 : errno
    }
}
