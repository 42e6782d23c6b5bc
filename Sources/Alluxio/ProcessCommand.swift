import ArgumentParser
import Cluster
import Settings

/// `alluxio process`.
struct ProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "process",
        abstract: "Runs a worker, and takes one out of the cluster.",
        subcommands: [ProcessStartCommand.self, ProcessRemoveWorkerCommand.self]
    )
}

/// `alluxio process start`.
struct ProcessStartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Runs a worker in the foreground until SIGTERM or SIGINT.",
        usage: "alluxio process start worker [-D key=value]..."
    )

    @Argument(help: "What to run: worker.")
    var role: String

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        guard role == "worker" else {
            throw Failure.usage("there is no process '\(role)'; use: alluxio process start worker")
        }
        let (settings, environment) = try arguments.read()
        try WorkerProcess(plan: WorkerPlan(settings: settings, environment: environment)).run()
    }
}

/// `alluxio process remove-worker`.
struct ProcessRemoveWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove-worker",
        abstract: "Takes a worker that has ended out of the cluster for good."
    )

    @Argument(help: ArgumentHelp("Its UUID, with or without 'worker-' before it.", valueName: "worker-uuid"))
    var worker: String

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        let identity = try Self.identity(worker)
        try ClusterAccess(arguments.read().settings).remove(identity)
        try StandardStreams.output("Removed \(identity)\n")
    }

    private static func identity(_ word: String) throws(Failure) -> WorkerIdentity {
        let prefix = "worker-"
        do throws(WorkerIdentityError) {
            return try WorkerIdentity(uuid: String(word.dropFirst(word.hasPrefix(prefix) ? prefix.count : 0)))
        } catch {
            throw .usage("\(error); 'alluxio info nodes' lists the workers")
        }
    }
}
