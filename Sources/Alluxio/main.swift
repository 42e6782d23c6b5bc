import ArgumentParser
import Glibc
import Settings

do {
    var command = try AlluxioCommand.parseAsRoot(try CommandLineText.words())
    try command.run()
} catch let failure as Failure {
    StandardStreams.complain(failure.message)
    exit(failure.kind.rawValue)
} catch {
    // Help is thrown too; it ends with 0.
    if AlluxioCommand.exitCode(for: error) == .success {
        print(AlluxioCommand.fullMessage(for: error))
        exit(0)
    }
    let lines = AlluxioCommand.message(for: error).split(separator: "\n")
    StandardStreams.complain("\(lines.first ?? "wrong command line"); see 'alluxio --help'")
    exit(Failure.Kind.usage.rawValue)
}
