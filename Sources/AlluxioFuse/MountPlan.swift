import Glibc
import Settings

/// A mount that is asked for, with everything read and checked that needs no network and no kernel.
struct MountPlan: Sendable {
    let address: UFSAddress
    /// From ``MountPoint/absolute(_:)``.
    let mountPoint: String
    let settings: Settings
    /// The lists as they were given, for the daemon.
    let options: [String]
    /// The variables of the process.
    let environment: [String: String]

    /// Reads and checks a request.
    /// - Parameters:
    ///   - source: The address of the data.
    ///   - target: The mount point; relative to the current directory, or absolute.
    ///   - options: The `-o` lists.
    /// - Throws: A ``Failure`` that names what cannot be read or is wrong.
    init(source: String, target: String, options: [String]) throws(Failure) {
        let parsed = try OptionList(options)
        let environment = EnvironmentSource.current()
        let directory = parsed.values[Property.configurationDirectory.key]
        let file = try PropertiesSource.load(from: directory, environment: environment)
        self.address = try UFSAddress(source)
        self.settings = try Settings(options: parsed, environment: environment, file: file)
        self.mountPoint = try MountPoint.absolute(target)
        self.options = options
        self.environment = environment
    }

    /// Mounts, and returns when the mount is ready (in the background) or over (in the foreground).
    func start(inForeground: Bool) throws(Failure) {
        if inForeground {
            try Daemon(plan: self, place: .foreground).run()
        } else {
            try BackgroundStart.run(address: address, mountPoint: mountPoint, options: options)
        }
    }
}
