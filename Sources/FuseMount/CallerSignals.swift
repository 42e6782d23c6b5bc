import Glibc

/// The signals of a thread, as `/proc/<tid>/status` shows them.
struct CallerSignals: Equatable {
    /// Pending for the thread; for its whole process.
    var pending: UInt64 = 0
    var processPending: UInt64 = 0
    var blocked: UInt64 = 0
    var ignored: UInt64 = 0
    var caught: UInt64 = 0

    /// Reads the masks of a thread.
    /// - Returns: nil if the thread cannot be seen: it is in a pid namespace outside of ours (0), `/proc`
    ///   hides it or it is gone.
    static func of(_ thread: pid_t) -> CallerSignals? {
        guard thread > 0 else { return nil }
        let file = open("/proc/\(thread)/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let text = [UInt8](unsafeUninitializedCapacity: statusBytesMaximum) { buffer, count in
            count = max(read(file, buffer.baseAddress, buffer.count), 0)
        }
        return CallerSignals(status: text)
    }

    /// Whether the thread is about to die: a signal is pending that will end it.
    ///
    /// The kernel turns a fatal signal into SIGKILL for every thread at once, except one that dumps core.
    var isDying: Bool {
        let waiting = pending | processPending
        if waiting & Self.bit(SIGKILL) != 0 { return true }
        return waiting & ~blocked & ~ignored & ~caught & Self.fatalByDefault != 0
    }

    fileprivate static var fields: [String: WritableKeyPath<CallerSignals, UInt64>] {
        [
            "SigPnd": \.pending, "ShdPnd": \.processPending, "SigBlk": \.blocked, "SigIgn": \.ignored,
            "SigCgt": \.caught,
        ]
    }

    private static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

    /// Every signal but those that by default are ignored or stop the process.
    private static let fatalByDefault: UInt64 = {
        let harmless = [SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]
        return ~harmless.reduce(0) { $0 | bit($1) }
    }()

    private static let statusBytesMaximum = 8192
}

extension CallerSignals {
    /// Picks the masks out of a status text.
    /// - Returns: nil if one of them is missing.
    init?(status: [UInt8]) {
        self.init()
        var found = 0
        for line in status.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let digits = line[(colon + 1)...].drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
            guard let path = Self.fields[String(decoding: line[..<colon], as: UTF8.self)],
                let mask = UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
            else { continue }
            self[keyPath: path] = mask
            found += 1
        }
        guard found == Self.fields.count else { return nil }
    }
}
