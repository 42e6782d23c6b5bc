import CFuse3Shim
import Logging
import Synchronization

/// Where libfuse's own messages go: to the log, and to the error of a mount that fails.
///
/// libfuse has one receiver for the process, so this has one state for the process.
enum LibraryLog {
    private struct State {
        var logger: Logger?
        var recent: [String] = []
    }

    private static let state = Mutex(State())
    private static let recentMaximum = 8

    /// Sends messages to a logger from now on.
    static func install(_ logger: Logger) {
        state.withLock { $0.logger = logger }
        afuse_set_log_receiver { level, text in
            guard let text else { return }
            LibraryLog.receive(level: level, String(cString: text))
        }
    }

    /// The messages since the last call, at most the last few.
    static func takeRecent() -> [String] {
        state.withLock { state in
            defer { state.recent = [] }
            return state.recent
        }
    }

    private static func receive(level: Int32, _ text: String) {
        let message = text.hasPrefix("fuse: ") ? String(text.dropFirst(6)) : text
        let logger = state.withLock { state in
            if level <= 4 { state.recent = (state.recent + [message]).suffix(recentMaximum) }
            return state.logger
        }
        // libfuse's levels are those of syslog.
        let severity: Logger.Level =
            switch level {
            case ...3: .error
            case 4: .warning
            case 5, 6: .info
            default: .debug
            }
        logger?.log(level: severity, "libfuse", metadata: ["text": "\(message)"])
    }
}
