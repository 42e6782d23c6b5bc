import CLinux
import Glibc
import Synchronization

/// What a staging directory knows of its files, so that the next daemon can finish or report them.
///
/// A line an event, appended without waiting for the disk: it outlives the process, and a file whose contents
/// were promised has its line synced with them. Lines that cannot be read (a torn last one) are left out. Cut
/// when no file is left but those of an earlier daemon. Any thread may call it.
final class StagingLog: Sendable {
    private struct State {
        /// Files that have not ended.
        var live: Set<String>
        /// Those of them that an earlier daemon left.
        var left: Set<String>
        /// Bytes behind the lines of what was left.
        var bytes = 0
    }

    /// What an earlier daemon left: the events of each file that did not end, in order.
    let unfinished: [String: [StagingEvent]]
    private let descriptor: Int32
    /// The lines of what was left come first, so that cutting the log spares them.
    private let leftBytes: Int
    private let state: Mutex<State>
    /// From how many bytes on the log is cut when nothing else is live.
    private static let cutBytes = 64 << 10
    /// The most bytes that are read of a log; one of 64 MiB has some 500 000 events.
    private static let readMaximum = 64 << 20

    /// The log's name in its directory.
    static let name = "log"

    /// Opens the log of a directory, or makes it.
    /// - Returns: nil with the errno in `code` if it cannot be opened.
    init?(in directory: Int32, code: inout Int32) {
        var opened = Self.open(Self.name, in: directory)
        guard opened >= 0 else {
            code = -opened
            return nil
        }
        let files = Self.unfinished(in: opened)
        let lines = files.values.flatMap { $0.flatMap(\.line) }
        // Without room for a new one the old one stays as it is.
        if let rewritten = Self.rewrite(lines, in: directory) {
            close(opened)
            opened = rewritten
        }
        var status = stat()
        leftBytes = fstat(opened, &status) == 0 ? Int(status.st_size) : 0
        descriptor = opened
        unfinished = files
        state = Mutex(State(live: Set(files.keys), left: Set(files.keys)))
    }

    deinit { close(descriptor) }

    private static func open(_ name: String, in directory: Int32) -> Int32 {
        linux_open_at(directory, name, O_RDWR | O_CREAT | O_APPEND, 0o600)
    }

    /// Puts a new log with these lines in the place of the old one.
    private static func rewrite(_ lines: [UInt8], in directory: Int32) -> Int32? {
        let temporary = "\(name).new"
        unlinkat(directory, temporary, 0)
        let made = open(temporary, in: directory)
        guard made >= 0 else { return nil }
        let written = lines.withUnsafeBytes { write(made, $0.baseAddress, $0.count) }
        guard written == lines.count, fdatasync(made) == 0,
            renameat(directory, temporary, directory, name) == 0
        else {
            close(made)
            unlinkat(directory, temporary, 0)
            return nil
        }
        return made
    }

    private static func unfinished(in descriptor: Int32) -> [String: [StagingEvent]] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return [:] }
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), readMaximum))
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
        return files
    }

    /// Notes an event.
    /// - Parameters:
    ///   - event: What happened.
    ///   - isDurable: Whether it must be on the disk when the call returns.
    /// - Returns: 0, or the errno.
    func note(_ event: StagingEvent, isDurable: Bool = false) -> Int32 {
        let line = event.line
        let code = state.withLock { state -> Int32 in
            if event.kind == .ended {
                state.live.remove(event.file)
                state.left.remove(event.file)
            } else {
                state.live.insert(event.file)
            }
            if state.live.count == state.left.count, state.bytes > Self.cutBytes {
                state.bytes = 0
                // A file that was left and has ended by now is found to be gone.
                return ftruncate(descriptor, state.left.isEmpty ? 0 : off_t(leftBytes)) == 0 ? 0 : errno
            }
            state.bytes += line.count
            let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            return written == line.count ? 0 : (written < 0 ? errno : ENOSPC)
        }
        guard code == 0, isDurable else { return code }
        return fdatasync(descriptor) == 0 ? 0 : errno
    }
}
