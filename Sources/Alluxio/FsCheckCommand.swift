import ArgumentParser
import ObjectStore
import Pages
import Settings
import Telemetry

/// `alluxio fs check`.
struct FsCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Holds the attribute objects of a bucket against the names that are there.",
        discussion: """
            One JSON line for each finding:
            {"kind":"stray-entry","uri":"…","text":"…","repaired":false}

            Run it while nothing writes to the bucket. It ends with status 1 if something is left to be
            repaired.
            """
    )

    @Flag(help: "Remove what is stray, finish renames begun more than ten minutes ago, abort old uploads.")
    var repair = false

    @OptionGroup var arguments: SettingsArguments

    @Argument(help: "A bucket or a prefix of one, as it is mounted: s3://bucket/prefix.")
    var uri: String

    func run() throws {
        let (settings, environment) = try arguments.read()
        let link = try StoreLink(
            address: try UFSAddress(uri),
            settings: settings,
            environment: environment,
            userAgent: "alluxio/\(Version.text)"
        )
        guard let store = link.source as? S3Store else {
            throw Failure.usage("\(uri) has no attribute objects; only buckets do: write s3://bucket/prefix")
        }
        try link.check()
        var left = 0
        var output: Failure?
        do throws(StoreError) {
            let attributed = try AttributedStore(next: store, store: store, options: AttributedStoreOptions())
            try attributed.check(repairing: repair) { finding in
                if !finding.isRepaired { left += 1 }
                do throws(Failure) { try StandardStreams.output(Self.line(finding)) } catch {
                    output = output ?? error
                }
            }
        } catch {
            throw Failure("cannot check \(uri): \(error)")
        }
        if let output { throw output }
        guard left == 0 else {
            let remedy = repair ? "see what each says" : "--repair does what can be done"
            throw Failure("findings that are not repaired: \(left); \(remedy)")
        }
    }

    private static func line(_ finding: AttributeFinding) -> String {
        #"{"kind":"\#(finding.kind.rawValue)","uri":\#(JSONText.string(finding.uri.description)),"#
            + #""text":\#(JSONText.string(finding.text)),"repaired":\#(finding.isRepaired)}"# + "\n"
    }
}
