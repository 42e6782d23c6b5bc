import Glibc
import Testing

/// A run of the `alluxio` command to its end.
struct AlluxioRun {
    let code: Int32
    let output: String
    let errors: String

    /// Runs the command that was built with the tests.
    /// - Parameters:
    ///   - arguments: What follows the program's name; bytes, since an argument need not be UTF-8.
    ///   - output: Where standard output goes to instead of ``output``.
    /// - Throws: If it cannot be started, or does not end in 30 s; then it is killed.
    init(_ arguments: [[UInt8]], output: String? = nil) throws {
        let scratch = try ScratchDirectory()
        let outputPath = output ?? scratch.path + "/output"
        let process = try Self.start(arguments, output: outputPath, errors: scratch.path + "/errors")
        code = try Self.end(of: process)
        self.output = output == nil ? try scratch.text(of: "output") : ""
        errors = try scratch.text(of: "errors")
    }

    init(_ arguments: [String], output: String? = nil) throws {
        try self.init(arguments.map { Array($0.utf8) }, output: output)
    }

    /// The built program lies beside the test runner.
    private static func program() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        try #require(count > 0)
        let runner = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return runner.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/alluxio"
    }

    private static func start(_ arguments: [[UInt8]], output: String, errors: String) throws -> pid_t {
        let program = try program()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT, 0o600)
        var words: [UnsafeMutablePointer<CChar>?] = [strdup(program)]
        words += arguments.map { word in
            (word.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
                $0.baseAddress.flatMap { strdup($0) }
            }
        }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let failed = posix_spawn(&process, program, &actions, nil, words + [nil], environ)
        try #require(failed == 0, "\(program): error \(failed)")
        return process
    }

    private static func end(of process: pid_t) throws -> Int32 {
        let limit = ContinuousClock.now + .seconds(30)
        var status: Int32 = 0
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { break }
            if ContinuousClock.now > limit {
                kill(process, SIGKILL)
                waitpid(process, &status, 0)
                Issue.record("the command did not end in 30 s")
                break
            }
            usleep(5000)
        }
        try #require(status & 0x7F == 0, "the command ended by signal \(status & 0x7F)")
        return status >> 8 & 0xFF
    }
}

/// A directory that goes with its owner.
final class ScratchDirectory {
    let path: String

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/alluxio-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let names = opendir(path) {
            while let entry = readdir(names) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(path)/\(name)")
            }
            closedir(names)
        }
        rmdir(path)
    }

    /// Writes a file into it.
    /// - Returns: The path of the file.
    func file(_ name: String, _ text: String) throws -> String {
        let file = try #require(fopen("\(path)/\(name)", "we"))
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        return "\(path)/\(name)"
    }

    func text(of name: String) throws -> String {
        let file = try #require(fopen("\(path)/\(name)", "re"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
