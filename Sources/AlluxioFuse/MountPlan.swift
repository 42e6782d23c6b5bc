import Cluster
import Glibc
import Settings

/// A mount that is asked for, with everything read and checked that needs no network and no kernel.
struct MountPlan: Sendable {
    let source: MountSource
    /// From ``MountPoint/absolute(_:)``.
    let mountPoint: String
    let settings: Settings
    /// The lists as they were given, for the daemon.
    let options: [String]
    /// The variables of the process.
    let environment: [String: String]

    /// Reads and checks a request.
    /// - Parameters:
    ///   - source: The address of the data, or the name of a mount table; nil for the mount table of the
    ///     settings.
    ///   - target: The mount point; relative to the current directory, or absolute.
    ///   - options: The `-o` lists.
    /// - Throws: A ``Failure`` that names what cannot be read or is wrong.
    init(source: String?, target: String, options: [String]) throws(Failure) {
        let parsed = try OptionList(options)
        let environment = EnvironmentSource.current()
        let directory = parsed.values[Property.configurationDirectory.key]
        let file = try PropertiesSource.load(from: directory, environment: environment)
        let named = try source.map { text throws(Failure) in try MountSource(text) }
        let settings = try Settings(options: parsed, environment: environment, file: file)
        (self.source, self.settings) = try Self.completed(named, settings)
        self.mountPoint = try MountPoint.absolute(target)
        self.options = options
        self.environment = environment
    }

    /// The source as it is shown, and the settings of the cluster that it names.
    private static func completed(
        _ source: MountSource?,
        _ settings: Settings
    ) throws(Failure) -> (MountSource, Settings) {
        if case .store? = source, let source { return (source, settings) }
        guard try settings.mountTablePlace() != nil else { throw .usage(Settings.mountTableRemedy) }
        guard let source else {
            return (.table(cluster: try settings.clusterKeys().cluster), settings)
        }
        guard case .table(let cluster?) = source else { return (source, settings) }
        let own = try settings.overridden(
            by: [Property.clusterName.key: cluster],
            of: "source '\(source)'"
        )
        _ = try own.clusterKeys()
        return (source, own)
    }

    /// Mounts, and returns when the mount is ready (in the background) or over (in the foreground).
    func start(inForeground: Bool) throws(Failure) {
        if inForeground {
            try Daemon(plan: self, place: .foreground).run()
        } else {
            try BackgroundStart.run(source: source, mountPoint: mountPoint, options: options)
        }
    }
}
