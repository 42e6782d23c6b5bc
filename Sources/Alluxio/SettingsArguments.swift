import ArgumentParser
import Settings

/// The settings of a command line, and the sources behind it.
struct SettingsArguments: ParsableArguments {
    @Option(
        name: .customShort("D"),
        help: ArgumentHelp(
            "A setting, as in alluxio-site.properties; counts before all other sources. May come again.",
            valueName: "key=value"
        )
    )
    var definitions: [String] = []

    /// Reads all sources.
    /// - Throws: A ``Failure`` that names source and setting.
    func read() throws(Failure) -> (settings: Settings, environment: [String: String]) {
        let options = try OptionList(definitions: definitions)
        let environment = EnvironmentSource.current()
        let directory = options.values[Property.configurationDirectory.key]
        let file = try PropertiesSource.load(from: directory, environment: environment)
        return (try Settings(options: options, environment: environment, file: file), environment)
    }
}
