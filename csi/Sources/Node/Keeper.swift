import CLinux
import CMounts
import Glibc
package import Logging
import Synchronization
import Threading
import Volumes

/// Keeps one daemon mounted: starts it, waits for its end, takes the dead mount away, starts it again.
///
/// States in `docs/csi.md`. One keeper at a time holds a daemon's lock. ``run()`` belongs to one thread; any
/// thread may call ``stop()``.
package final class Keeper: Sendable {
    /// Why a keeper has ended.
    package enum Ending: Hashable, Sendable {
        /// It was asked to, or nobody wants the daemon any more: it is unmounted.
        case stopped
        /// Another keeper has the daemon.
        case held
    }

    /// What a keeper needs beside its daemon's directory.
    package struct Options: Sendable {
        /// The daemon's program.
        package var program = "alluxio-fuse"
        /// How long a start may take.
        package var startDeadline = Duration.seconds(40)
        /// The longest pause between two starts.
        package var pauseMaximum = Duration.seconds(30)
        /// How long the daemon has to store what was written, before its end is forced.
        package var stopDeadline = Duration.seconds(110)
        /// Directory of local caches; nil: caches are in memory.
        package var cacheDirectory: String?

        /// The default options.
        package init() {}
    }

    /// How long a daemon that is mounted nowhere any more gets to end by itself.
    private static let leakedAfter = Duration.seconds(2)

    private let key: String
    private let files: StateFiles
    private let options: Options
    private let logger: Logger
    private let wake: (read: Int32, write: Int32)
    private let isStopping = Atomic(false)

    /// Prepares to keep the daemon of a key.
    package init(key: String, files: StateFiles, options: Options, logger: Logger) {
        (self.key, self.files, self.options) = (key, files, options)
        var logger = logger
        logger[metadataKey: "key"] = "\(key)"
        self.logger = logger
        var ends: [Int32] = [-1, -1]
        _ = alluxio_pipe(&ends)
        wake = (ends[0], ends[1])
    }

    deinit {
        close(wake.read)
        close(wake.write)
    }

    /// Ends the daemon and the keeper; returns at once.
    package func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeUp()
    }

    /// Writes one byte; as little as a signal handler may do.
    package func wakeUp() {
        var byte: UInt8 = 0
        _ = write(wake.write, &byte, 1)
    }

    /// Keeps the daemon until it is not wanted.
    package func run() -> Ending {
        let lock = open(files.file(key, DaemonFile.lock), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            if lock >= 0 { close(lock) }
            return .held
        }
        defer { close(lock) }
        var backOff = BackOff(maximum: options.pauseMaximum)
        var starts = 0
        while let specification = wanted() {
            let began = ContinuousClock.now
            starts += 1
            let process = adopted(specification) ?? started(specification, starts)
            if let process {
                watch(process, specification)
                reap(process)
            }
            guard wanted() != nil else { break }
            let pause = backOff.pause(served: process != nil, afterRunOf: ContinuousClock.now - began)
            if pause > .zero { sleep(for: pause) }
        }
        detach(files.places.mountPoint(of: key))
        rmdir(files.places.mountPoint(of: key))
        return .stopped
    }

    private func wanted() -> DaemonSpecification? {
        isStopping.load(ordering: .acquiring) ? nil : files.specification(of: key)
    }

    // MARK: Starting

    /// A daemon that an earlier keeper started and that still serves.
    private func adopted(_ specification: DaemonSpecification) -> pid_t? {
        guard let status = files.status(of: key), let process = status.process,
            let start = status.processStart,
            ProcessFacts.start(of: process) == start,
            MountInfoTable.current().top(at: specification.mountPoint)?.isOurs == true
        else { return nil }
        logger.notice("a daemon that serves is kept", metadata: ["process": "\(process)"])
        return process
    }

    private func started(_ specification: DaemonSpecification, _ starts: Int) -> pid_t? {
        tell(DaemonStatus(state: .starting, starts: starts))
        detach(specification.mountPoint)
        mkdir(specification.mountPoint, 0o755)
        let outcome: ProcessOutcome?
        do {
            outcome = try ProcessRun.run(
                command(specification),
                environment: specification.environment(over: ProcessFacts.environment),
                output: 2,
                within: options.startDeadline
            )
        } catch {
            return failed(error.description, starts)
        }
        guard let outcome else { return failed("no mount after \(options.startDeadline)", starts) }
        guard outcome.status == 0 else { return failed(outcome.lastLine, starts, status: outcome.status) }
        guard let process = ProcessFacts.daemon(of: specification.mountPoint) else {
            return failed("the daemon ended as soon as it had mounted", starts)
        }
        logger.notice("the daemon serves", metadata: ["process": "\(process)", "starts": "\(starts)"])
        tell(
            DaemonStatus(
                state: .serving,
                process: process,
                processStart: ProcessFacts.start(of: process),
                starts: starts
            )
        )
        return process
    }

    private func failed(_ reason: String, _ starts: Int, status: Int32? = nil) -> pid_t? {
        logger.error("the daemon does not start", metadata: ["reason": "\(reason)"])
        tell(DaemonStatus(state: .failed, reason: reason, exitStatus: status, starts: starts))
        return nil
    }

    /// The daemon logs where its keeper does: its standard output is the keeper's standard error.
    private func command(_ specification: DaemonSpecification) -> [String] {
        var settings =
            specification.options + [
                "allow_other", "log_file=/dev/stdout",
                "alluxio.conf.dir=\(files.places.daemonDirectory(key))",
                "alluxio.fuse.staging.dir=\(files.places.mounts)/staging/\(key)",
            ]
        if let directory = options.cacheDirectory { settings.append("local_data_cache=\(directory)/\(key)") }
        let places = [specification.source, specification.mountPoint].compactMap { $0 }
        return [options.program, "mount"] + settings.flatMap { ["-o", $0] } + places
    }

    private func tell(_ status: DaemonStatus) {
        do throws(VolumeError) {
            try files.keep(status, of: key)
        } catch {
            logger.error("the state of a daemon is not kept", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: Waiting

    /// Waits until the daemon ends, or is not wanted: then ends it.
    private func watch(_ process: pid_t, _ specification: DaemonSpecification) {
        let watched = csi_watch_process(process)
        guard watched >= 0 else { return }
        defer { close(watched) }
        while wanted() != nil {
            if wait(for: watched, atMost: .seconds(3600)) {
                logger.error("the daemon has ended; it is started again", metadata: ["process": "\(process)"])
                return
            }
        }
        detach(specification.mountPoint)
        guard !wait(for: watched, atMost: Self.leakedAfter) else { return }
        // Somebody has made a namespace meanwhile and keeps a copy of the mount, as nodes do.
        kill(process, SIGTERM)
        guard !wait(for: watched, atMost: options.stopDeadline) else { return }
        logger.error("the daemon does not end; it is killed", metadata: ["process": "\(process)"])
        kill(process, SIGKILL)
    }

    /// Waits for the end of a process, or to be woken.
    /// - Returns: Whether it has ended.
    private func wait(for watched: Int32, atMost time: Duration) -> Bool {
        var ends = [
            pollfd(fd: watched, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
        ]
        let isStopping = isStopping.load(ordering: .acquiring)
        _ = poll(&ends, isStopping ? 1 : 2, Int32(clamping: time.components.seconds * 1000))
        drain()
        return ends[0].revents != 0
    }

    private func sleep(for time: Duration) {
        var end = pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)
        _ = poll(&end, 1, Int32(clamping: time.components.seconds * 1000))
        drain()
    }

    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wake.read, &bytes, bytes.count) > 0 {}
    }

    /// Takes the exit status of a daemon that has become ours, so that nothing is left of it.
    private func reap(_ process: pid_t) {
        var status: Int32 = 0
        waitpid(process, &status, WNOHANG)
    }

    private func detach(_ mountPoint: String) {
        do throws(VolumeError) {
            try Mounts.detachAll(mountPoint)
        } catch {
            logger.error("a mount is left", metadata: ["reason": "\(error)"])
        }
    }
}

/// How long to wait before the next start.
struct BackOff {
    let maximum: Duration
    private var next = Duration.seconds(1)
    private var quickEnds = 0

    /// How many daemons in a row may end soon after they have served before there are pauses.
    static let quickEndsMaximum = 5

    init(maximum: Duration) { self.maximum = maximum }

    /// A daemon that has served is started again at once, unless it does nothing but end; one that cannot
    /// start is given more and more time.
    mutating func pause(served: Bool, afterRunOf time: Duration) -> Duration {
        if served {
            quickEnds = time > .seconds(10) ? 0 : quickEnds + 1
            if quickEnds <= Self.quickEndsMaximum {
                next = .seconds(1)
                return .zero
            }
        }
        defer { next = min(maximum, next * 2) }
        return next
    }
}
