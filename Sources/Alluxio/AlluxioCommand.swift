import ArgumentParser

/// `alluxio`: the commands for a cluster; each has a file of its own.
struct AlluxioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alluxio",
        abstract: "Works with a cluster of cache workers.",
        discussion: "Exit codes: 0 done, 1 failed, 2 wrong command line.",
        subcommands: [RingCommand.self]
    )
}
