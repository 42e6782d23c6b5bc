import CLinux
import Glibc

/// What a finished program said.
struct ProcessOutcome: Sendable {
    /// Its exit status; nil if it was killed.
    var status: Int32?
    /// What it wrote, cut at 64 KiB each.
    var output: String
    /// What it complained of.
    var complaints: String

    /// The last line that it complained of.
    var lastLine: String {
        complaints.split(separator: "\n").last.map(String.init) ?? "it ended with status \(status ?? -1)"
    }
}

/// Runs programs with a deadline.
enum ProcessRun {
    private static let outputMaximum = 64 << 10

    /// Runs a program and waits for its end.
    ///
    /// After the deadline it is killed; one that hangs in the kernel is left behind, and reaped by whoever
    /// gets it.
    /// - Parameters:
    ///   - arguments: The program's path and its arguments; visible to others.
    ///   - environment: All of its environment; nil: ours.
    ///   - inherited: Where its standard output goes; nil: it is collected.
    ///   - deadline: How long it may take.
    /// - Returns: nil if it took too long.
    /// - Throws: A line that says why it could not be started.
    static func run(
        _ arguments: [String],
        environment: [String: String]? = nil,
        output inherited: Int32? = nil,
        within deadline: Duration
    ) throws(StartFailure) -> ProcessOutcome? {
        let out = try Pipe()
        let complaints = try Pipe()
        defer { for end in [out.read, complaints.read] { close(end) } }
        let process = try start(arguments, environment, output: inherited ?? out.write, complaints.write)
        for end in [out.write, complaints.write] { close(end) }
        let end = ContinuousClock.now + deadline
        var texts: [[UInt8]] = [[], []]
        let isInTime = collect([out.read, complaints.read], into: &texts, until: end)
        guard isInTime, let status = wait(for: process, until: end) else {
            kill(process, SIGKILL)
            _ = wait(for: process, until: ContinuousClock.now + .milliseconds(200))
            return nil
        }
        return ProcessOutcome(
            status: status & 0x7F == 0 ? (status >> 8) & 0xFF : nil,
            output: String(decoding: texts[0], as: UTF8.self),
            complaints: String(decoding: texts[1], as: UTF8.self)
        )
    }

    /// Why a program could not be started.
    struct StartFailure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Pipe {
        let read: Int32
        let write: Int32

        init() throws(StartFailure) {
            var ends: [Int32] = [-1, -1]
            let outcome = alluxio_pipe(&ends)
            guard outcome == 0 else {
                throw StartFailure(description: "cannot make a pipe: \(text(of: -outcome))")
            }
            (read, write) = (ends[0], ends[1])
        }
    }

    private static func start(
        _ arguments: [String],
        _ environment: [String: String]?,
        output: Int32,
        _ complaints: Int32
    ) throws(StartFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, complaints, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = environment.map { $0.map { "\($0.key)=\($0.value)" } }
        var process: pid_t = 0
        let program = arguments[0]
        let code = withVector(arguments) { arguments in
            guard let variables else {
                return posix_spawnp(&process, program, &actions, &attributes, arguments, environ)
            }
            return withVector(variables) {
                posix_spawnp(&process, program, &actions, &attributes, arguments, $0)
            }
        }
        guard code == 0 else {
            throw StartFailure(description: "cannot start '\(arguments[0])': \(text(of: code))")
        }
        return process
    }

    private static func withVector<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var vector = strings.map { strdup($0) } + [nil]
        defer { vector.forEach { free($0) } }
        return body(&vector)
    }

    /// Reads from pipes until all are closed.
    private static func collect(
        _ ends: [Int32],
        into texts: inout [[UInt8]],
        until deadline: ContinuousClock.Instant
    ) -> Bool {
        var open = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var piece = [UInt8](repeating: 0, count: 4096)
        while open.contains(where: { $0.fd >= 0 }) {
            let left = milliseconds(until: deadline)
            guard left > 0, poll(&open, nfds_t(open.count), left) >= 0 || errno == EINTR else { return false }
            for index in open.indices where open[index].fd >= 0 && open[index].revents != 0 {
                let count = read(open[index].fd, &piece, piece.count)
                if count > 0 {
                    texts[index] += piece.prefix(min(count, outputMaximum - texts[index].count))
                } else {
                    open[index].fd = -1
                }
            }
        }
        return true
    }

    private static func wait(for process: pid_t, until deadline: ContinuousClock.Instant) -> Int32? {
        var status: Int32 = 0
        while true {
            let found = waitpid(process, &status, WNOHANG)
            if found == process { return status }
            if found < 0, errno != EINTR { return nil }
            guard ContinuousClock.now < deadline else { return nil }
            usleep(2000)
        }
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let (seconds, attoseconds) = (deadline - ContinuousClock.now).components
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
