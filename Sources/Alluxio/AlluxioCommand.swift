import ArgumentParser
import Settings

/// `alluxio`: the commands for a cluster; each has a file of its own.
struct AlluxioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alluxio",
        abstract: "Works with a cluster of cache workers.",
        discussion: """
            Settings come from -D, the environment and alluxio-site.properties, as those of alluxio-fuse; \
            'alluxio help properties' lists them.
            Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.
            """,
        version: Version.text,
        subcommands: [
            ProcessCommand.self, InfoCommand.self, MountCommand.self, FsCommand.self, RingCommand.self,
        ]
    )

    /// Takes settings that are joined to their letter apart: the parser takes `-Dkey=value` for an option
    /// named `Dkey`.
    /// - Parameter words: What follows the program's name.
    /// - Returns: The words, each `-Dx` as `-D` and `x`; those after `--` as they are.
    static func separated(_ words: [String]) -> [String] {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        return words[..<end].flatMap { word in
            word.hasPrefix("-D") && word.utf8.count > 2 ? ["-D", String(word.dropFirst(2))] : [word]
        } + words[end...]
    }

    /// Whether the words ask for the list of settings, which is no command of the parser's.
    /// - Parameter words: What follows the program's name.
    /// - Returns: Whether they do.
    static func asksForProperties(_ words: [String]) -> Bool { words.prefix(2) == ["help", "properties"] }
}
