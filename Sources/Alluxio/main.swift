import ArgumentParser
import Glibc
import Settings

do {
    let words = try CommandLineText.words()
    if AlluxioCommand.asksForProperties(words) {
        let isMarkdown = words.contains("--markdown")
        try StandardStreams.output(ConfigurationDocument.make(markdown: isMarkdown))
    } else {
        var command = try AlluxioCommand.parseAsRoot(AlluxioCommand.separated(words))
        try command.run()
    }
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
