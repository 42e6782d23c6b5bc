import ArgumentParser
import Cluster
import Pages
import Settings
import Telemetry

/// `alluxio ring`.
struct RingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Asks the hash ring that finds the workers of a file.",
        subcommands: [RingLocateCommand.self]
    )
}

/// `alluxio ring locate`.
struct RingLocateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "locate",
        abstract: "Prints the workers of files, the preferred one first.",
        discussion: """
            One JSON line for each URI, in the order of the command line:
            {"uri":"…","fileId":"…","workers":[{"version":1,"identifier":"…"},…]}

            A ring file is a JSON list of {"version":1,"identifier":"<32 hexadecimal digits>"}; the word etcd
            stands for the workers of the live cluster, as the settings know them.
            """
    )

    @Option(help: ArgumentHelp("The file that lists the workers, or etcd.", valueName: "file.json|etcd"))
    var ring: String

    @Option(
        help: ArgumentHelp(
            "Virtual nodes of each worker, as in all clients; without it, 2000 or as the settings say.",
            valueName: "n"
        )
    )
    var virtualNodes: Int?

    @Option(help: ArgumentHelp("How many different workers for each URI.", valueName: "k"))
    var count = 1

    @OptionGroup var arguments: SettingsArguments

    @Argument(help: ArgumentHelp("The whole address of a file, as s3://bucket/key.", valueName: "uri"))
    var uris: [String]

    func run() throws {
        let source = try checkedSource()
        let ring = try source.ring(virtualNodes: virtualNodes, arguments)
        try StandardStreams.output(uris.map { line(for: UFSURI($0), on: ring) }.joined())
    }

    /// Checks the whole command line before any work.
    private func checkedSource() throws(Failure) -> RingSource {
        if let virtualNodes, !(1...HashRing.virtualNodesMaximum).contains(virtualNodes) {
            throw .usage(
                "--virtual-nodes \(virtualNodes) is not possible; use 1...\(HashRing.virtualNodesMaximum)"
            )
        }
        guard count >= 1 else { throw .usage("--count \(count) is not possible; ask for at least 1 worker") }
        for uri in uris where !Self.hasScheme(uri) {
            throw .usage("'\(uri)' is no UFS URI; write the whole address, as s3://bucket/key")
        }
        return try RingSource(argument: ring)
    }

    private static func hasScheme(_ uri: String) -> Bool {
        guard let end = uri.firstRange(of: "://") else { return false }
        let scheme = uri[..<end.lowerBound]
        return !scheme.isEmpty
            && scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    }

    private func line(for uri: UFSURI, on ring: HashRing) -> String {
        let workers = ring.workers(for: RingKey(uri), count: count).map { worker in
            #"{"version":\#(worker.version),"identifier":"\#(worker.hexIdentifier)"}"#
        }
        return #"{"uri":\#(JSONText.string(uri.description)),"fileId":"\#(FileID(uri))","#
            + #""workers":[\#(workers.joined(separator: ","))]}"# + "\n"
    }
}
