import Glibc

/// Runs short commands and waits for them with a deadline.
enum ChildProcess {
    /// Runs a program found on the path and returns its exit status.
    /// - Returns: The exit status; nil if it could not be started, was killed, or took longer than
    ///   `deadline`.
    static func run(_ arguments: [String], within deadline: Duration) -> Int32? {
        var process: pid_t = 0
        let failed = withArguments(arguments) { posix_spawnp(&process, arguments[0], nil, nil, $0, environ) }
        guard failed == 0 else { return nil }
        guard let status = wait(for: process, within: deadline) else {
            kill(process, SIGKILL)
            _ = wait(for: process, within: .seconds(1))
            return nil
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : nil
    }

    /// Calls `body` with a C vector of strings that ends with nil.
    static func withArguments<Result>(
        _ arguments: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var vector = arguments.map { strdup($0) } + [nil]
        defer { vector.forEach { free($0) } }
        return body(&vector)
    }

    /// Waits for a child of ours.
    /// - Returns: The status of waitpid(2), or nil after the deadline.
    static func wait(for process: pid_t, within deadline: Duration) -> Int32? {
        let end = ContinuousClock.now + deadline
        var status: Int32 = 0
        while true {
            let result = waitpid(process, &status, WNOHANG)
            if result == process { return status }
            if result < 0 && errno != EINTR { return nil }
            guard ContinuousClock.now < end else { return nil }
            usleep(5000)
        }
    }
}
