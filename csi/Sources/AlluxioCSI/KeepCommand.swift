import ArgumentParser
import Glibc
import Logging
import Node
import Telemetry
import Volumes

/// `alluxio-csi keep`: what the container of a FUSE pod runs.
struct KeepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keep",
        abstract:
            "Keeps one daemon mounted until SIGTERM, or until its directory says no more what to mount.",
        discussion: "The directory is <mount-dir>/run/daemons/<key>; the node plugin writes it."
    )

    @Option(help: "The daemon's program.")
    var program = "alluxio-fuse"

    @Option(name: .customLong("cache-dir"), help: "Directory of local caches; without it they are in memory.")
    var cache: String?

    @Argument(help: "The daemon's directory.")
    var directory: String

    func validate() throws {
        guard let (_, key) = Self.parts(of: directory), key.utf8.count == 32 else {
            throw ValidationError("'\(directory)' is no directory of a daemon: <mount-dir>/run/daemons/<key>")
        }
    }

    func run() throws {
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, level: .info, format: .text, sink: .standardError)
        }
        guard let (mounts, key) = Self.parts(of: directory) else { return }
        var options = Keeper.Options()
        options.program = program
        options.cacheDirectory = cache
        let files = try StateFiles(places: NodePlaces(mounts: mounts))
        let keeper = Keeper(key: key, files: files, options: options, logger: Logger(label: "keeper"))
        let signals = StopSignal.wait { keeper.stop() }
        defer { signals.cancel() }
        if keeper.run() == .held { throw ValidationError("another keeper has the daemon of '\(directory)'") }
    }

    private static func parts(of directory: String) -> (mounts: String, key: String)? {
        let parts = directory.split(separator: "/")
        guard directory.hasPrefix("/"), parts.count > 3, parts[parts.count - 2] == "daemons",
            parts[parts.count - 3] == "run"
        else { return nil }
        return ("/" + parts.dropLast(3).joined(separator: "/"), String(parts[parts.count - 1]))
    }
}
