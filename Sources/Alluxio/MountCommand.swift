import ArgumentParser
import Cluster
import Settings

/// `alluxio mount`.
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Changes and lists the mount table of the cluster.",
        subcommands: [MountAddCommand.self, MountListCommand.self, MountRemoveCommand.self]
    )
}

/// `alluxio mount add`.
struct MountAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Mounts a store as a directory of the root; running mounts and workers see it at once.",
        discussion: """
            Options are the settings of the store, such as alluxio.underfs.s3.endpoint; what they leave out \
            comes from each process's own settings. They are kept in etcd as they are given, keys too.
            """
    )

    @Option(help: ArgumentHelp("Where: a slash and a name.", valueName: "/name"))
    var path: String

    @Option(help: ArgumentHelp("What: a bucket, or a part of it.", valueName: "s3://bucket/prefix"))
    var ufsUri: String

    @Option(help: ArgumentHelp("A setting of the store. May come again.", valueName: "key=value"))
    var option: [String] = []

    @Flag(help: "Nobody may write to the store through this mount: every change is refused.")
    var readonly = false

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        let settings = try arguments.read().settings
        let options = try StoreOptions.read(option)
        let mount = try Self.entry(path, ufsUri, options, isReadOnly: readonly)
        // What no process could use is refused here, where somebody reads the answer.
        let address = try UFSAddress(ufsUri)
        let effective = try settings.overridden(by: options, of: "mount \(path)")
        try ClusterAccess(settings).add(mount)
        for notice in effective.notices.dropFirst(settings.notices.count) {
            let facts = notice.facts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            StandardStreams.complain("\(notice.message): \(facts.joined(separator: " "))")
        }
        try StandardStreams.output("Mounted \(address) at \(mount.path)\n")
    }

    private static func entry(
        _ path: String,
        _ ufs: String,
        _ options: [String: String],
        isReadOnly: Bool
    ) throws(Failure) -> MountEntry {
        do throws(MountTableError) {
            return try MountEntry(path: path, ufs: ufs, options: options, isReadOnly: isReadOnly)
        } catch {
            throw .usage(error.description)
        }
    }
}

/// The options of one mount as a command line gives them.
enum StoreOptions {
    /// Reads `key=value` words.
    /// - Returns: Values by the names that were given.
    /// - Throws: A usage ``Failure`` for a word of another form, and for a name that comes twice.
    static func read(_ words: [String]) throws(Failure) -> [String: String] {
        var options: [String: String] = [:]
        for word in words {
            let name = String(word.prefix { $0 != "=" })
            guard word.contains("="), !name.isEmpty else {
                throw .usage("--option '\(name)' has no value; write --option key=value")
            }
            guard options.updateValue(String(word.dropFirst(name.count + 1)), forKey: name) == nil else {
                throw .usage("--option '\(name)' is there twice; give it once")
            }
        }
        return options
    }
}

/// `alluxio mount list`.
struct MountListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the mounts, with secrets masked."
    )

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        let table = try ClusterAccess(arguments.read().settings).mountTable()
        try StandardStreams.output(table.listing + "\n")
    }
}

/// `alluxio mount remove`.
struct MountRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Takes a mount away; the store stays, and open files are read and written to their end."
    )

    @Option(help: ArgumentHelp("Where it is mounted.", valueName: "/name"))
    var path: String

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        try ClusterAccess(arguments.read().settings).remove(mountAt: path)
        try StandardStreams.output("Removed \(path)\n")
    }
}
