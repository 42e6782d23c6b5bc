import CMountTestSupport
import Glibc
import Testing

/// A program started by a test, ended with it.
final class ChildProcess {
    private let process: pid_t
    private let output: Int32
    private var status: Int32?

    init(_ program: String, _ arguments: [String]) throws {
        var ends: [Int32] = [0, 0]
        try #require(test_pipe_cloexec(&ends) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        // Threads of the test runner block signals, which a child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let words = ([program] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var process = pid_t()
        let failed = posix_spawnp(&process, program, &actions, &attributes, words + [nil], environ)
        close(ends[1])
        self.process = process
        output = ends[0]
        try #require(failed == 0, "\(program): \(failed)")
    }

    deinit {
        if status == nil {
            kill(process, SIGKILL)
            _ = wait(atMost: .seconds(2))
        }
        close(output)
    }

    var id: pid_t { process }

    func send(_ signal: Int32) { if status == nil { kill(process, signal) } }

    /// The wait status, or nil if it still runs.
    func wait(atMost limit: Duration) -> Int32? {
        _ = eventually(atMost: limit) {
            if status != nil { return true }
            var ended: Int32 = 0
            guard waitpid(process, &ended, WNOHANG) == process else { return false }
            status = ended
            return true
        }
        return status
    }

    /// Everything it wrote; call it when it has ended.
    func text() -> String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(output, &part, part.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }
}
