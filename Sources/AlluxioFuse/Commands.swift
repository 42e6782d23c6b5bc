import ArgumentParser
import CLinux
import FuseMount
import Glibc
import Settings
import SmallFiles
import Synchronization
import Telemetry
import Threading

/// `alluxio-fuse`: the commands people type.
struct AlluxioFuseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alluxio-fuse",
        abstract: "Mounts an S3 bucket or a directory as a file system.",
        discussion: """
            Without a command, lists the mounts. As a mount helper: alluxio-fuse s3://bucket /mnt -o \
            options, so that \
            'mount -t fuse.alluxio-fuse' and lines of /etc/fstab work.

            'alluxio-fuse help properties' lists all settings, 'alluxio-fuse help metrics' all metrics.
            Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.
            """,
        version: Version.text,
        subcommands: [
            MountCommand.self, UmountCommand.self, StatCommand.self, ListCommand.self, DaemonCommand.self,
        ],
        defaultSubcommand: ListCommand.self
    )
}

/// `alluxio-fuse mount`.
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mounts a bucket, or a part of it, or a local directory, or the mount table of a cluster.",
        usage: "alluxio-fuse mount [-f] [<ufs-uri>] <mountpoint> [-o option[=value],...]",
        discussion: """
            Without an address, every store of the mount table is a directory of the mount; that needs \
            alluxio.etcd.endpoints or alluxio.mount.table.static.conf.file.
            """
    )

    @Flag(name: .shortAndLong, help: "Stay in the foreground and log to standard error.")
    var foreground = false

    @Option(
        name: .customShort("o", allowingJoined: true),
        help: ArgumentHelp("Options, separated by commas; may come again.", valueName: "option[=value],...")
    )
    var options: [String] = []

    @Argument(help: "s3://bucket[/prefix], s3a://bucket[/prefix] or file:///directory; then the mount point.")
    var places: [String]

    func run() throws {
        guard let target = places.last, places.count <= 2 else {
            throw Failure.usage(
                "mount takes an address and a mount point: alluxio-fuse mount s3://bucket /mnt"
            )
        }
        guard places.count == 2 || !MountSource.looksLikeSource(target) else {
            throw Failure.usage("mount needs a mount point too: alluxio-fuse mount \(target) /mnt/data")
        }
        let source = places.count == 2 ? places[0] : nil
        try plan(source: source, target: target).start(inForeground: foreground)
    }

    private func plan(source: String?, target: String) throws(Failure) -> MountPlan {
        do throws(Failure) {
            return try MountPlan(source: source, target: target, options: options)
        } catch {
            guard source == nil, error.message == Settings.mountTableRemedy else { throw error }
            throw Failure.usage(
                "mount needs the address of the data: alluxio-fuse mount s3://bucket/prefix \(target);"
                    + " without one it shows the mount table, but \(error.message)"
            )
        }
    }
}

/// `alluxio-fuse daemon`: what a background start runs; not for people.
struct DaemonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: BackgroundStart.subcommand,
        abstract: "Serves a mount for a background start.",
        shouldDisplay: false
    )

    @Argument var source: String
    @Argument var target: String

    func run() throws {
        guard fcntl(BackgroundStart.requestDescriptor, F_GETFD) >= 0,
            fcntl(BackgroundStart.readyDescriptor, F_GETFD) >= 0
        else { throw Failure.usage("'daemon' is started by 'alluxio-fuse mount'") }
        let inherited = MountDescriptor(target)?.number ?? BackgroundStart.readyDescriptor
        _ = alluxio_close_from(inherited + 1)
        _ = fcntl(BackgroundStart.readyDescriptor, F_SETFD, FD_CLOEXEC)
        let bytes = try? SmallFile.contents(
            of: BackgroundStart.requestDescriptor,
            atMostBytes: 2 * OptionList.lengthMaximum
        )
        close(BackgroundStart.requestDescriptor)
        let report = BackgroundReport()
        do {
            let plan = try MountPlan(
                source: source,
                target: target,
                options: DaemonRequest.decode(bytes ?? [])
            )
            try Daemon(plan: plan, place: .background(report)).run()
        } catch {
            if report.send(.failed(error)) { Glibc.exit(error.kind.rawValue) }
            throw error
        }
    }
}

/// `alluxio-fuse umount`.
struct UmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount",
        abstract: "Ends a mount: politely, then by detaching it."
    )

    @Flag(name: .shortAndLong, help: "Detach at once and kill the daemon.")
    var force = false

    @Argument(help: "The mount point.")
    var mountpoint: String

    func run() throws {
        let path = try MountPoint.absolute(mountpoint)
        let environment = EnvironmentSource.current()
        let file = try PropertiesSource.load(from: nil, environment: environment)
        let settings = try Settings(options: OptionList(), environment: environment, file: file)
        let patience = settings.duration(.unmountTimeout) ?? .zero
        if try Unmount.run(path, kills: force, patience: patience) == .detached {
            StandardError.write("'\(path)' is in use: it is detached, and ends when its last file is closed")
        }
    }
}

/// `alluxio-fuse` alone.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the mounts: source, mount point, process.",
        shouldDisplay: false
    )

    func run() throws {
        let mounts = MountTable.ours()
        if mounts.isEmpty { print("no mounts") }
        for mount in mounts {
            let process = DaemonSearch.process(serving: mount).map { "\($0)" } ?? "-"
            print("\(mount.source) on \(mount.path) type \(mount.type) pid \(process)")
        }
    }
}

/// `alluxio-fuse stat`.
struct StatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Prints the counters of a running mount as Prometheus text."
    )

    @Flag(help: "Print one JSON object instead.")
    var json = false

    @Argument(help: "The mount point.")
    var mountpoint: String

    func run() throws {
        let path = try MountPoint.absolute(mountpoint)
        guard MountTable.ours().contains(where: { $0.path == path }) else {
            throw Failure("'\(path)' is no mount of alluxio-fuse; 'alluxio-fuse' lists the mounts")
        }
        let text = try StatisticsReader.read(path, within: .seconds(10))
        print(json ? PrometheusText.json(text) : text, terminator: json ? "\n" : "")
    }
}

/// Asks a running mount for its statistics.
enum StatisticsReader {
    static let attribute = "user.alluxio.stats"

    /// Reads the statistics attribute of a mount's root.
    /// - Throws: A ``Failure`` if the mount does not answer in time.
    static func read(_ path: String, within deadline: Duration) throws(Failure) -> String {
        let shared = Answer()
        // A dead daemon's mount may hang the call, so it runs on a thread that the process can leave behind.
        do {
            try NamedThread.start("stat") { shared.put(ask(path)) }
        } catch {
            throw Failure("\(error)")
        }
        let end = ContinuousClock.now + deadline
        while ContinuousClock.now < end {
            switch shared.get() {
            case .success(let bytes): return String(decoding: bytes, as: UTF8.self)
            case .failure(let failure): throw failure
            case nil: usleep(1000)
            }
        }
        throw Failure("'\(path)' does not answer; end it with: alluxio-fuse umount -f '\(path)'")
    }

    private final class Answer: Sendable {
        private let state = Mutex<Result<[UInt8], Failure>?>(nil)
        func put(_ result: Result<[UInt8], Failure>) { state.withLock { $0 = result } }
        func get() -> Result<[UInt8], Failure>? { state.withLock { $0 } }
    }

    private static func ask(_ path: String) -> Result<[UInt8], Failure> {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = alluxio_getxattr(path, attribute, &bytes, bytes.count)
        guard count >= 0 else {
            return .failure(Failure("'\(path)' gives no statistics: \(systemText(Int32(-count)))"))
        }
        return .success(Array(bytes[..<count]))
    }
}
