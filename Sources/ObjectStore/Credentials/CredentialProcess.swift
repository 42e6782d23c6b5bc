internal import CLinux
internal import Glibc

/// A user's command that prints credentials as JSON, run through `/bin/sh`.
struct CredentialProcess: Sendable {
    /// The most that the command may print.
    static let outputBytesMaximum = 64 << 10
    /// How much of its complaints an error quotes.
    private static let complaintBytesMaximum = 200
    /// How often a running command without output is looked at.
    private static let pollMilliseconds: Int64 = 20

    /// The command line.
    let command: String
    /// Its whole environment.
    let environment: [String: String]
    /// What is run, for errors.
    let source: String
    /// How long it may take in all.
    var timeout: Duration = .seconds(30)

    /// Runs the command to its end.
    ///
    /// A command that does not end in time, or prints too much, is killed with its whole process group.
    /// - Returns: What it printed to standard output.
    /// - Throws: ``CredentialsError/failed(_:)`` with its exit status and the first line of its complaints.
    func run() throws(CredentialsError) -> [UInt8] {
        var output = try makePipe()
        var complaints = try makePipe()
        let child = try spawn(output: output.write, complaints: complaints.write)
        output.closeWrite()
        complaints.closeWrite()
        return try collect(child, output: output.read, complaints: complaints.read)
    }

    /// Closes its ends when it goes.
    private struct Pipe: ~Copyable {
        let read: Int32
        private(set) var write: Int32

        init(_ ends: [Int32]) {
            read = ends[0]
            write = ends[1]
        }

        mutating func closeWrite() {
            close(write)
            write = -1
        }

        deinit {
            close(read)
            if write >= 0 { close(write) }
        }
    }

    private func makePipe() throws(CredentialsError) -> Pipe {
        var ends: [Int32] = [-1, -1]
        let code = alluxio_pipe(&ends)
        guard code == 0 else { throw failure(-code) }
        return Pipe(ends)
    }

    private func spawn(output: Int32, complaints: Int32) throws(CredentialsError) -> pid_t {
        let child = withCStrings(environment.map { "\($0)=\($1)" }) { variables in
            alluxio_spawn_shell(command, variables, output, complaints)
        }
        guard child > 0 else { throw failure(-child) }
        return child
    }

    /// Reads until the command has ended; what it left running in the background is not waited for.
    private func collect(
        _ child: pid_t,
        output: Int32,
        complaints: Int32
    ) throws(CredentialsError) -> [UInt8] {
        var printed: [UInt8] = []
        var complained: [UInt8] = []
        var open = [output, complaints]
        let deadline = ContinuousClock.now + timeout
        var status: Int32?
        repeat {
            guard ContinuousClock.now < deadline else {
                kill(child)
                throw .failed("\(source) did not end within \(timeout)")
            }
            if status == nil { wait(for: open) }
            // The status is taken first: what the command wrote before its end is then in the pipes.
            if status == nil { status = reap(child) }
            open.removeAll { descriptor in
                descriptor == output
                    ? drain(descriptor, into: &printed, limit: Self.outputBytesMaximum + 1)
                    : drain(descriptor, into: &complained, limit: Self.complaintBytesMaximum)
            }
            guard printed.count <= Self.outputBytesMaximum else {
                if status == nil { kill(child) }
                throw .failed("\(source) printed more than \(Self.outputBytesMaximum >> 10) KiB")
            }
        } while status == nil
        guard let status, status == 0 else {
            let line = complained.prefix { $0 != UInt8(ascii: "\n") }
            throw .failed(
                "\(source) \(ending(status ?? 0)): \(oneLine(String(decoding: line, as: UTF8.self)))"
            )
        }
        return printed
    }

    /// Waits until something was printed, or for a moment.
    private func wait(for descriptors: [Int32]) {
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = poll(&polled, nfds_t(polled.count), Int32(Self.pollMilliseconds))
    }

    /// Reads what is there, throws away what is beyond the limit, and returns whether the pipe has ended.
    private func drain(_ descriptor: Int32, into bytes: inout [UInt8], limit: Int) -> Bool {
        var piece = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<64 {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 }
            bytes.append(contentsOf: piece[..<min(count, max(0, limit - bytes.count))])
        }
        return false
    }

    /// The command's wait status if it has ended.
    ///
    /// Where SIGCHLD is ignored nobody learns it, and what was printed decides.
    private func reap(_ child: pid_t) -> Int32? {
        var status: Int32 = 0
        let answer = waitpid(child, &status, WNOHANG)
        if answer == child { return status }
        return answer < 0 && errno == ECHILD ? 0 : nil
    }

    private func kill(_ child: pid_t) {
        _ = Glibc.kill(-child, SIGKILL)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
    }

    private func ending(_ status: Int32) -> String {
        let signal = status & 0x7F
        return signal == 0 ? "ended with status \((status >> 8) & 0xFF)" : "was ended by signal \(signal)"
    }

    private func failure(_ code: Int32) -> CredentialsError {
        .failed("\(source) cannot be run: \(String(cString: strerror(code)))")
    }
}

/// Runs `body` with a null-terminated array of C strings that live as long as the call.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies + [nil])
}
