import ArgumentParser
import FoundationEssentials
import Glibc
import Node
import Volumes

/// `alluxio-csi bind`: one step of a publish, which may wait for a daemon.
struct BindCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bind",
        abstract: "Shows a directory of a mount at another place.",
        shouldDisplay: false
    )

    @Flag(name: .customLong("read-only")) var isReadOnly = false
    @Argument var mountPoint: String
    @Argument var target: String
    @Argument var directory: [String] = []

    func run() throws {
        try HelperStatus.exit { () throws(VolumeError) in
            try MountCalls.bind(mountPoint, directory, onto: target, isReadOnly: isReadOnly)
        }
    }
}

/// `alluxio-csi probe`: asks a daemon how it is, which may wait for it.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Asks the daemon of a mount.",
        shouldDisplay: false
    )

    @Argument var path: String

    func run() throws {
        try HelperStatus.exit { () throws(VolumeError) in
            let usage = try MountCalls.usage(of: path)
            print(String(decoding: (try? JSONEncoder().encode(usage)) ?? Data(), as: UTF8.self))
        }
    }
}

/// How a helper tells the plugin what went wrong: by its exit status and one line.
private enum HelperStatus {
    static func exit(_ body: () throws(VolumeError) -> Void) throws {
        do throws(VolumeError) {
            try body()
        } catch {
            let line = Array("\(error)\n".utf8)
            _ = write(2, line, line.count)
            throw ExitCode(Mounts.status(of: error.kind))
        }
    }
}
