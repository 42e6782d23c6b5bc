import Glibc
import Settings

/// Starts the daemon in the background: a new process in a session of its own, which says when it is ready.
///
/// Mount options go through a pipe, not the command line, since they may hold secrets.
enum BackgroundStart {
    /// The hidden subcommand that the daemon runs as.
    static let subcommand = "daemon"
    /// Where the daemon reads its options.
    static let requestDescriptor: Int32 = 3
    /// Where the daemon says that it is ready, or why not.
    static let readyDescriptor: Int32 = 4
    /// How long the daemon may take.
    static let deadline = Duration.seconds(30)

    /// Starts the daemon and returns when it serves the mount.
    ///
    /// A mount point that is a descriptor is handed on.
    /// - Throws: The ``Failure`` that the daemon reported, or that it ended or did not report in time.
    static func run(source: MountSource, mountPoint: String, options: [String]) throws(Failure) {
        let device = try handedOn(mountPoint)
        let request = try pipe()
        let ready = try pipe()
        let place = device == nil ? mountPoint : MountDescriptor.inDaemon.path
        let arguments = ["alluxio-fuse", subcommand, source.description, place]
        let started = spawn(arguments, request: request.read, ready: ready.write, device: device)
        for descriptor in [request.read, ready.write] + [device].compactMap({ $0 }) { close(descriptor) }
        defer { close(ready.read) }
        let process: pid_t
        switch started {
        case .success(let started): process = started
        case .failure(let failure):
            close(request.write)
            throw failure
        }
        send(DaemonRequest.encode(options), to: request.write)
        close(request.write)
        try ReadyReport.awaitReport(from: ready.read, process: process, within: deadline)
    }

    /// A copy of the descriptor that is the mount point, for the daemon alone; nil: it is none.
    private static func handedOn(_ mountPoint: String) throws(Failure) -> Int32? {
        guard let descriptor = MountDescriptor(mountPoint) else { return nil }
        try descriptor.prepare()
        let copy = fcntl(descriptor.number, F_DUPFD_CLOEXEC, firstFree)
        guard copy >= 0 else { throw Failure("cannot copy '\(mountPoint)': \(systemText(errno))") }
        // Once the daemon has it, nobody else may: the mount must end with the daemon.
        close(descriptor.number)
        return copy
    }

    /// Above the numbers that the daemon gets, so that setting those up never overwrites another one.
    private static let firstFree: Int32 = 10

    private static func pipe() throws(Failure) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Failure("cannot make a pipe: \(systemText(errno))") }
        defer { ends.forEach { close($0) } }
        let read = fcntl(ends[0], F_DUPFD_CLOEXEC, firstFree)
        let write = fcntl(ends[1], F_DUPFD_CLOEXEC, firstFree)
        guard read >= 0, write >= 0 else { throw Failure("cannot make a pipe: \(systemText(errno))") }
        return (read, write)
    }

    private static func spawn(
        _ arguments: [String],
        request: Int32,
        ready: Int32,
        device: Int32?
    ) -> Result<pid_t, Failure> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, request, requestDescriptor)
        posix_spawn_file_actions_adddup2(&actions, ready, readyDescriptor)
        if let device {
            posix_spawn_file_actions_adddup2(&actions, device, MountDescriptor.inDaemon.number)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which Swift does not import.
        posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK))

        var process: pid_t = 0
        let failed = ChildProcess.withArguments(arguments) {
            posix_spawn(&process, "/proc/self/exe", &actions, &attributes, $0, environ)
        }
        guard failed == 0 else { return .failure(Failure("cannot start the daemon: \(systemText(failed))")) }
        return .success(process)
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32) {
        signal(SIGPIPE, SIG_IGN)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // A daemon that is gone shows in its missing report.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// The options as they go through the pipe: each ends with a zero byte.
enum DaemonRequest {
    static func encode(_ options: [String]) -> [UInt8] {
        options.flatMap { Array($0.utf8) + [0] }
    }

    static func decode(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
