import ArgumentParser
import Cluster
import Pages
import Settings
import Telemetry

/// `alluxio fs`.
struct FsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fs",
        abstract: "Asks about files.",
        subcommands: [FsLocationCommand.self, FsCheckCommand.self]
    )
}

/// `alluxio fs location`.
struct FsLocationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "location",
        abstract: "Prints the workers of files in the live cluster, the preferred one first.",
        discussion: """
            One JSON line for each path, in the order of the command line:
            {"path":"…","uri":"…","fileId":"…","workers":[{"workerId":"…","host":"…","httpPort":28080,\
            "status":"ONLINE"},…]}

            Whether there is such a file is not asked.
            """
    )

    @Option(
        help: ArgumentHelp("How many workers for each; without it, as files are read.", valueName: "k")
    )
    var count: Int?

    @OptionGroup var arguments: SettingsArguments

    @Argument(help: "Paths of mounted files, as /s3/key, or whole addresses, as s3://bucket/key.")
    var paths: [String]

    func run() throws {
        if let count, count < 1 {
            throw Failure.usage("--count \(count) is not possible; ask for at least 1 worker")
        }
        let settings = try arguments.read().settings
        let cluster = try ClusterAccess(settings)
        let isTableNeeded = try paths.map(NamespacePath.isMountedPath).contains(true)
        let table = isTableNeeded ? try cluster.mountTable() : .empty
        let addresses = try paths.map { try NamespacePath.address(of: $0, in: table) }
        let view = try cluster.view()
        let count = count ?? max(1, settings.number(.replicas) ?? 1)
        let blocks = settings.virtualBlocks
        let lines = zip(paths, addresses).map { path, address in
            let uri = UFSURI(address)
            let workers = view.ring.workers(for: blocks.attributesKey(of: uri), count: count)
            return Self.line(path, uri, workers.compactMap(view.member))
        }
        try StandardStreams.output(lines.joined())
    }

    private static func line(_ path: String, _ uri: UFSURI, _ workers: [ClusterMember]) -> String {
        let places = workers.map { worker in
            #"{"workerId":\#(JSONText.string(worker.identity.description)),\#(worker.placeJSON)}"#
        }
        return #"{"path":\#(JSONText.string(path)),"uri":\#(JSONText.string(uri.description)),"#
            + #""fileId":"\#(FileID(uri))","workers":[\#(places.joined(separator: ","))]}"# + "\n"
    }
}

/// Names of files as people give them.
enum NamespacePath {
    /// Whether a name is a path, which takes the mount table to find, rather than an address.
    /// - Parameter name: As somebody wrote it.
    /// - Returns: `false` for an address.
    /// - Throws: A usage ``Failure`` if it is neither.
    static func isMountedPath(_ name: String) throws(Failure) -> Bool {
        if UFSAddress.looksLikeAddress(name) { return false }
        guard name.hasPrefix("/") else {
            throw .usage("'\(name)' is neither a path, as /s3/key, nor an address, as s3://bucket/key")
        }
        return true
    }

    /// The address in the store of a file.
    /// - Parameters:
    ///   - path: A path below a mount, where empty components and `.` are dropped and `..` goes up, or an
    ///     address, which is taken as it is.
    ///   - table: The mounts.
    /// - Returns: The address, nothing normalised but the path below the mount.
    /// - Throws: A ``Failure`` if no mount has it.
    static func address(of path: String, in table: MountTable) throws(Failure) -> String {
        guard try isMountedPath(path) else { return path }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        guard let name = parts.first else {
            throw .usage("'/' lies in no store; name a file below a mount, as /s3/key")
        }
        guard let mount = table.entry(named: String(name)) else {
            throw Failure("nothing is mounted at /\(name); see 'alluxio mount list'")
        }
        return ([Substring(mount.ufs)] + parts.dropFirst()).joined(separator: "/")
    }
}
