import Glibc
import Threading

/// `fusermount3`, the set-user-ID program that mounts and unmounts for users.
enum Fusermount {
    /// Where it is; nil if it is not installed.
    static var path: String? {
        var places = ["/usr/bin", "/bin"]
        if let search = getenv("PATH") {
            places += String(cString: search).split(separator: ":").map(String.init)
        }
        return places.map { "\($0)/fusermount3" }.first { access($0, X_OK) == 0 }
    }

    /// Runs it with its output thrown away.
    /// - Parameters:
    ///   - arguments: Without the program's name.
    ///   - deadline: After how long it is killed.
    /// - Returns: Its exit status, or nil if it could not be run or did not end in time.
    static func run(_ arguments: [String], within deadline: Duration) -> Int32? {
        guard let path else { return nil }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        let words = ([path] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var process = pid_t()
        guard posix_spawn(&process, path, &actions, nil, words + [nil], environ) == 0 else { return nil }
        return wait(for: process, until: .now + deadline)
    }

    private static func wait(for process: pid_t, until deadline: MonotonicInstant) -> Int32? {
        var status: Int32 = 0
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return status & 0x7f == 0 ? (status >> 8) & 0xff : nil }
            if ended < 0 && errno != EINTR { return nil }
            if MonotonicInstant.now >= deadline {
                kill(process, SIGKILL)
                waitpid(process, &status, 0)
                return nil
            }
            sleepThread(for: .milliseconds(5))
        }
    }
}
