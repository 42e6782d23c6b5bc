import ArgumentParser
import Glibc
import Settings
import Telemetry

let arguments = CommandLine.arguments
let isHelper = Invocation.isHelper(arguments)
do {
    switch try Invocation(arguments) {
    case .properties(let markdown): print(ConfigurationDocument.make(markdown: markdown), terminator: "")
    case .metrics: print(MetricCatalogue.markdown(), terminator: "")
    case .helper(let helper):
        let plan = try MountPlan(source: helper.source, target: helper.target, options: helper.accepted)
        if !helper.isFake { try plan.start(inForeground: false) }
    case .command(let words):
        var command = try AlluxioFuseCommand.parseAsRoot(words)
        try command.run()
    }
} catch let failure as Failure {
    StandardError.write(failure.message)
    exit(failure.exitCode(asMountHelper: isHelper))
} catch {
    // Help and version are thrown too; they end with 0.
    let code = AlluxioFuseCommand.exitCode(for: error)
    if code == .success {
        print(AlluxioFuseCommand.fullMessage(for: error))
        exit(0)
    }
    let lines = AlluxioFuseCommand.message(for: error).split(separator: "\n")
    StandardError.write("\(lines.first ?? "wrong command line"); see 'alluxio-fuse --help'")
    exit(Failure.Kind.usage.rawValue)
}
