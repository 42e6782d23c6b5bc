/// A titled part of the catalogue.
struct PropertyGroup: Sendable {
    let title: String
    let introduction: String
    let properties: [Property]
}

/// Every setting there is.
///
/// Options, environment, properties file and `docs/configuration.md` all follow this table.
package enum PropertyCatalogue {
    static let groups: [PropertyGroup] = [
        PropertyGroup(
            title: "Store",
            introduction: "Where the data lies and how it is asked for.",
            properties: Property.store
        ),
        PropertyGroup(
            title: "New objects",
            introduction: "What the store is told of objects that a mount writes, and how they are sent.",
            properties: Property.objects
        ),
        PropertyGroup(
            title: "Credentials",
            introduction: """
                Without any of these, credentials come from the usual AWS places: environment
                (`AWS_ACCESS_KEY_ID`, …), shared files and profiles, web identity, container credentials,
                instance metadata.
                """,
            properties: Property.credentials + [.environmentOnly]
        ),
        PropertyGroup(
            title: "Deadlines and connections",
            introduction: "How long anything may take, and how much at a time.",
            properties: Property.deadlines
        ),
        PropertyGroup(
            title: "Metadata",
            introduction: "How long names and attributes are trusted.",
            properties: Property.metadata
        ),
        PropertyGroup(
            title: "Data cache",
            introduction: "Where read data is kept, and how far ahead it is read.",
            properties: Property.cache
        ),
        PropertyGroup(
            title: "Writing",
            introduction: "How changes get into the store; see [writing](writing.md).",
            properties: Property.writing
        ),
        PropertyGroup(
            title: "Mount",
            introduction: "The mount and its process.",
            properties: Property.mount
        ),
        PropertyGroup(
            title: "Mount options",
            introduction: "Only with `-o`, or in `alluxio.fuse.mount.options`.",
            properties: Property.mountOptions
        ),
        PropertyGroup(
            title: "Logs and statistics",
            introduction: "What the daemon tells about itself.",
            properties: Property.telemetry
        ),
        PropertyGroup(
            title: "Cluster",
            introduction: """
                Workers that share one cache, and the mount table. With `alluxio.etcd.endpoints` or a list of
                workers, mounts read through the workers; without both, none of this matters.
                """,
            properties: Property.cluster
        ),
        PropertyGroup(
            title: "Worker",
            introduction: "Of a worker: `alluxio process start worker`.",
            properties: Property.worker + Property.workerService
        ),
        PropertyGroup(
            title: "Accepted without effect",
            introduction: "Read from existing files and mount commands, and ignored, each for its reason.",
            properties: Property.compatibility + Property.compatibilityOptions
        ),
    ]

    /// The rows in the order of the document.
    package static let all: [Property] = groups.flatMap(\.properties)

    /// Names and aliases to their rows; names are matched exactly, as Alluxio does.
    private static let byName: [String: Property] = Dictionary(
        all.flatMap { property in property.names.map { ($0, property) } },
        uniquingKeysWith: { first, _ in first }
    )

    /// The row of a name or alias.
    package static func find(_ name: String) -> Property? { byName[name] }

    /// Every name a user may write with `-o`, aliases included.
    package static var names: [String] { Array(byName.keys).sorted() }

    /// The name a misspelt one is nearest to.
    package static func nearest(to name: String, in place: PropertyPlace) -> String? {
        let candidates = place == .option ? names : names.filter { byName[$0]?.place == .everywhere }
        return NearestName.find(name, among: candidates)
    }
}
