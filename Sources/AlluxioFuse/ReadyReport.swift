import Glibc
import Settings

/// What the daemon says to whoever started it: one line.
enum ReadyReport: Equatable {
    case ready
    case failed(Failure)

    /// The longest line that is read, in bytes.
    static let lengthMaximum = 4096

    var line: String {
        switch self {
        case .ready: "ready\n"
        case .failed(let failure): "failed \(failure.kind.rawValue) \(failure.message)\n"
        }
    }

    init?(line: String) {
        if line == "ready" {
            self = .ready
            return
        }
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, parts[0] == "failed", let code = Int32(parts[1]),
            let kind = Failure.Kind(rawValue: code)
        else { return nil }
        self = .failed(Failure(String(parts[2]), kind: kind))
    }

    /// Sends a report and closes the pipe.
    /// - Returns: Whether somebody is still there to read it.
    func send(to descriptor: Int32) -> Bool {
        defer { close(descriptor) }
        let bytes = Array(line.utf8.prefix(Self.lengthMaximum))
        return write(descriptor, bytes, bytes.count) == bytes.count
    }

    /// Waits for the report of a daemon.
    /// - Throws: The daemon's ``Failure``, or one that says how it ended.
    static func awaitReport(from descriptor: Int32, process: pid_t, within deadline: Duration) throws(Failure)
    {
        let end = ContinuousClock.now + deadline
        var text: [UInt8] = []
        while !text.contains(UInt8(ascii: "\n")) {
            let left = end - ContinuousClock.now
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let milliseconds = max(
                0,
                left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            )
            let found = poll(&entry, 1, Int32(clamping: milliseconds))
            if found < 0 && errno == EINTR { continue }
            guard found > 0 else {
                kill(process, SIGTERM)
                throw Failure(
                    "the daemon was not ready within \(PropertyKind.show(deadline)); its log says more"
                )
            }
            var buffer = [UInt8](repeating: 0, count: lengthMaximum)
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0, text.count < lengthMaximum else { break }
            text += buffer[..<count]
        }
        let line = String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        switch ReadyReport(line: line) {
        case .ready: return
        case .failed(let failure): throw failure
        case nil: throw ended(process)
        }
    }

    private static func ended(_ process: pid_t) -> Failure {
        guard let status = ChildProcess.wait(for: process, within: .seconds(2)) else {
            kill(process, SIGTERM)
            return Failure("the daemon closed its report without saying anything; its log says more")
        }
        let signal = status & 0x7F
        let how = signal == 0 ? "with exit code \((status >> 8) & 0xFF)" : "by signal \(signal)"
        return Failure("the daemon ended \(how) before it was ready; its log says more")
    }
}
