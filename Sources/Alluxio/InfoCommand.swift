import ArgumentParser
import Cluster
import Settings
import Telemetry

/// `alluxio info`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells about the cluster.",
        subcommands: [InfoNodesCommand.self]
    )
}

/// `alluxio info nodes`.
struct InfoNodesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "Lists the workers: who they are, where, and whether they are online.",
        discussion: """
            As text, one line for each after a title, in three columns with tabs between: WorkerId, Address \
            (host and gRPC port), Status (ONLINE or OFFLINE). As JSON, one list of objects.
            """
    )

    /// How the answer looks.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(help: "How the answer looks.")
    var format = Format.text

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        let members = try ClusterAccess(arguments.read().settings).members()
        try StandardStreams.output(format == .json ? NodeList.json(members) : NodeList.text(members))
    }
}

/// The workers of a cluster as text.
enum NodeList {
    /// A title, then a line for each worker.
    static func text(_ members: [ClusterMember]) -> String {
        let lines = members.map { member in
            let address = member.record.address
            return "\(member.identity)\t\(address.host):\(address.rpcPort)\t\(member.status)\n"
        }
        return "WorkerId\tAddress\tStatus\n" + lines.joined()
    }

    /// A list of objects on one line.
    static func json(_ members: [ClusterMember]) -> String {
        let objects = members.map { member in
            var fields = [
                #""workerId":\#(JSONText.string(member.identity.description))"#,
                member.placeJSON,
                #""rpcPort":\#(member.record.address.rpcPort)"#,
                #""registered":\#(member.isRegistered)"#,
            ]
            if let bytes = member.record.capacityBytes { fields.append(#""capacityBytes":\#(bytes)"#) }
            return "{\(fields.joined(separator: ","))}"
        }
        return "[\(objects.joined(separator: ","))]\n"
    }
}

extension ClusterMember {
    /// The words that tools expect.
    var status: String { state == .live ? "ONLINE" : "OFFLINE" }

    /// The members of a JSON object that say where the worker is reached.
    var placeJSON: String {
        let address = record.address
        let s3 = record.s3Port.map { #","s3Port":\#($0)"# } ?? ""
        return #""host":\#(JSONText.string(address.host)),"httpPort":\#(address.httpServerPort)\#(s3),"#
            + #""status":"\#(status)""#
    }
}
