import Glibc
import Synchronization

/// Why a server for a test did not come up.
public enum TestServerError: Error, CustomStringConvertible {
    /// The text says which server, and shows the end of what it printed.
    case notReady(String)
    /// A system call failed; the text names it.
    case system(String)

    /// What went wrong.
    public var description: String {
        switch self {
        case .notReady(let text), .system(let text): text
        }
    }
}

/// A server that cannot outlive the test process.
///
/// A small shell starts it in a process group of its own and then reads from a pipe that this process holds.
/// When this process ends, however it ends, the read returns and the shell kills that group and removes its
/// directory.
public final class SupervisedProcess: Sendable {
    /// A fresh directory for the server's files; removed at the end.
    public let directory: String
    private let pipe: Int32
    private let shell: pid_t
    private let isStopped = Atomic(false)

    private static let supervisor = """
        # Sockets of the test must close when it closes them, not when these processes end.
        for open in /proc/$$/fd/*; do
            [ "${open##*/}" -le 2 ] || eval "exec ${open##*/}>&-"
        done
        dir=$1; shift
        set -m
        "$@" >"$dir/output" 2>&1 </dev/null &
        server=$!
        read -r _
        kill -KILL -"$server" 2>/dev/null
        wait "$server" 2>/dev/null
        rm -rf "$dir"
        """

    /// Starts a server.
    /// - Parameters:
    ///   - command: The program, found in PATH, and its arguments; `{dir}` stands for ``directory``.
    ///   - files: Files to write into ``directory`` first: name and contents, where `{dir}` is replaced too.
    /// - Throws: ``TestServerError`` if the process cannot be made.
    public init(_ command: [String], files: [String: String] = [:]) throws {
        let directory = try Self.freshDirectory()
        self.directory = directory
        for (name, text) in files {
            try Self.write(Self.filled(text, directory), to: "\(directory)/\(name)")
        }
        var ends: [Int32] = [0, 0]
        // A socket pair instead of a pipe, since it is closed in other children from the start.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else {
            throw TestServerError.system("socketpair: errno \(errno)")
        }
        pipe = ends[1]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(ends[0])
        }
        let words =
            ["bash", "-c", Self.supervisor, "supervisor", directory]
            + command.map { Self.filled($0, directory) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, "bash", &actions, nil, arguments, environ)
        guard code == 0 else { throw TestServerError.system("posix_spawnp bash: error \(code)") }
        shell = pid
    }

    deinit { stop() }

    /// Kills the server and removes its directory.
    ///
    /// Waits for both.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        close(pipe)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0, errno == EINTR {}
    }

    /// Waits until a condition holds.
    /// - Parameters:
    ///   - what: What is waited for, for the error's text.
    ///   - limit: How long at most.
    ///   - condition: Asked every 50 ms.
    /// - Throws: ``TestServerError/notReady(_:)`` when the limit has passed.
    public func wait(for what: String, limit: Duration = .seconds(60), until condition: () -> Bool) throws {
        let end = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < end else {
                throw TestServerError.notReady("\(what) was not ready in \(limit): \(outputEnd())")
            }
            usleep(50_000)
        }
    }

    /// The last 2000 bytes of what the server printed.
    /// - Returns: Text, empty if there is none.
    public func outputEnd() -> String {
        guard let bytes = Self.read("\(directory)/output") else { return "" }
        return String(decoding: bytes.suffix(2000), as: UTF8.self)
    }

    /// Writes a file.
    /// - Parameters:
    ///   - text: The contents.
    ///   - path: Where to.
    /// - Throws: ``TestServerError/system(_:)``.
    public static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "we") else {
            throw TestServerError.system("fopen \(path): errno \(errno)")
        }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
            throw TestServerError.system("fwrite \(path): errno \(errno)")
        }
    }

    /// Reads a whole file.
    /// - Parameter path: Which.
    /// - Returns: Its bytes, or nil.
    public static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return bytes
    }

    private static func filled(_ text: String, _ directory: String) -> String {
        var parts: [Substring] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "{dir}") {
            parts.append(rest[..<start.lowerBound])
            parts.append(directory[...])
            rest = rest[start.upperBound...]
        }
        parts.append(rest)
        return parts.joined()
    }

    private static func freshDirectory() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/alluxio-fuse-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestServerError.system("mkdtemp in \(base): errno \(errno)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Ports of the loopback interface that were free a moment ago.
    /// - Parameter count: How many.
    /// - Returns: Different port numbers.
    public static func freePorts(_ count: Int) -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [Int] = []
        while ports.count < count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    _ = bind(descriptor, pointer, length)
                    _ = getsockname(descriptor, pointer, &length)
                }
            }
            ports.append(Int(UInt16(bigEndian: address.sin_port)))
        }
        return ports
    }
}
