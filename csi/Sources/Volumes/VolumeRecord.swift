import FoundationEssentials

/// What the node has of one volume.
package struct VolumeRecord: Codable, Hashable, Sendable {
    /// A place where the volume is shown.
    package struct Target: Codable, Hashable, Sendable {
        /// The path in the pod's directory.
        package var path: String
        /// The daemon's sharing key.
        package var key: String
        /// The directory of the mount, as components.
        package var directory: [String]
        /// Whether it is bound read only.
        package var isReadOnly: Bool

        /// Describes a target.
        package init(path: String, key: String, directory: [String], isReadOnly: Bool) {
            self.path = path
            self.key = key
            self.directory = directory
            self.isReadOnly = isReadOnly
        }
    }

    /// The volume's id, as the orchestrator knows it.
    package var id: String
    /// Where it is staged; nil: not.
    package var stagingPath: String?
    /// The key of the daemon that staging started, for a Secret that only staging got; nil: the identity
    /// comes with the publish.
    package var stagedKey: String?
    /// All places where it is shown.
    package var targets: [Target] = []

    /// A volume that is nowhere yet.
    package init(id: String) { self.id = id }

    /// Whether nothing of the volume is on the node.
    package var isEmpty: Bool { stagingPath == nil && targets.isEmpty }
    /// The keys of daemons that it needs.
    package var keys: Set<String> { Set(targets.map(\.key) + [stagedKey].compactMap { $0 }) }

    /// The name of the file that holds the record of a volume.
    package static func fileName(of id: String) -> String { "\(Digest.text(of: [id])).json" }
}
