import ArgumentParser

/// `alluxio-csi`: the programs of the CSI driver.
@main
struct AlluxioCSI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alluxio-csi",
        abstract: "Volumes of S3 data and Alluxio clusters for the pods of Kubernetes.",
        discussion: "Exit codes: 0 done, 1 failed, 2 wrong command line.",
        version: DriverFacts.version,
        subcommands: [
            ControllerCommand.self, NodeCommand.self, KeepCommand.self, BindCommand.self, ProbeCommand.self,
        ]
    )
}

/// What the driver says of itself.
enum DriverFacts {
    /// The name in StorageClasses and the CSIDriver object; that of Alluxio's own driver, so that manifests
    /// stay.
    static let name = "alluxio"
    /// The version.
    static let version = "0.1.0"
}
