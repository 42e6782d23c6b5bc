import FuseMount
import Glibc
import Settings

/// Ends mounts.
enum Unmount {
    /// What an unmount came to.
    enum Outcome: Equatable, Sendable {
        /// The mount is gone.
        case unmounted
        /// The mount was in use: nobody sees it any more, and it goes away with its last open file.
        case detached
    }

    /// The longest that any step waits.
    static let deadlineMaximum = Duration.seconds(60)

    /// Unmounts: politely, then lazily; with `kills` also ends the daemon.
    /// - Parameters:
    ///   - path: From ``MountPoint/absolute(_:)``.
    ///   - kills: Whether to detach at once and kill the daemon.
    ///   - patience: How long to wait for open files before the mount is detached.
    /// - Returns: Whether the mount is gone or still has users.
    /// - Throws: A ``Failure`` that names the mount point.
    static func run(_ path: String, kills: Bool, patience: Duration) throws(Failure) -> Outcome {
        guard let mount = MountTable.current().last(where: { $0.path == path }) else {
            throw Failure("nothing is mounted at '\(path)'; 'alluxio-fuse' lists the mounts")
        }
        guard mount.type == MountTable.type else {
            throw Failure(
                "'\(path)' is a mount of type \(mount.type), not of alluxio-fuse; use: umount '\(path)'"
            )
        }
        let daemon = DaemonSearch.process(serving: mount)
        if kills {
            try detach(path)
            if let daemon { try end(daemon) }
            return .unmounted
        }
        let end = ContinuousClock.now + patience
        var isBusy = try !politely(path)
        while isBusy && ContinuousClock.now < end {
            usleep(50_000)
            isBusy = try !politely(path)
        }
        if isBusy {
            try detach(path)
            return .detached
        }
        try awaitEnd(of: daemon)
        return .unmounted
    }

    /// Takes a mount away at once, whoever uses it.
    static func detach(_ path: String) throws(Failure) {
        do {
            try MountTable.unmount(path, lazily: true)
        } catch {
            throw Failure("\(error)")
        }
    }

    /// An unmount that does nothing if the mount is in use.
    /// - Returns: Whether the mount is gone.
    private static func politely(_ path: String) throws(Failure) -> Bool {
        do {
            try MountTable.unmount(path, lazily: false)
            return true
        } catch {
            guard case .busy = error else { throw Failure("\(error)") }
            return false
        }
    }

    /// Waits for a daemon that has nothing left to serve.
    private static func awaitEnd(of daemon: pid_t?) throws(Failure) {
        guard let daemon else { return }
        if !isGone(daemon, within: deadlineMaximum) {
            throw Failure(
                "the mount is gone but its daemon (process \(daemon)) is not; end it with: kill \(daemon)"
            )
        }
    }

    private static func end(_ daemon: pid_t) throws(Failure) {
        kill(daemon, SIGTERM)
        if isGone(daemon, within: .seconds(5)) { return }
        kill(daemon, SIGKILL)
        if isGone(daemon, within: .seconds(10)) { return }
        throw Failure("the daemon (process \(daemon)) does not end; \(systemText(errno))")
    }

    private static func isGone(_ process: pid_t, within deadline: Duration) -> Bool {
        let end = ContinuousClock.now + deadline
        while isAlive(process) {
            guard ContinuousClock.now < end else { return false }
            usleep(5000)
        }
        return true
    }

    /// A zombie serves nothing any more, so it counts as gone.
    private static func isAlive(_ process: pid_t) -> Bool {
        guard let bytes = ProcessFile.bytes(process, "stat") else { return false }
        let state = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.trimmingBlanks.first
        return state != "Z" && state != "X"
    }
}
