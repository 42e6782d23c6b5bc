internal import FoundationEssentials

/// What every object says of itself.
public struct ObjectMetadata: Hashable, Sendable {
    /// The name; empty if there is none.
    public let name: String
    /// The namespace; empty for kinds that are in none.
    public let namespace: String
    /// What tells an object from a later one of the same name; empty if there is none.
    public let uid: String
    /// The version, to watch from and to compare for equality only.
    public let resourceVersion: String
    /// The labels.
    public let labels: [String: String]
    /// The annotations.
    public let annotations: [String: String]
    /// When it is to be gone at last; nil unless somebody deletes it.
    public let deletionTimestamp: String?

    /// Reads the metadata of an object.
    /// - Parameter object: Any object; what it lacks is empty.
    public init(of object: JSON) {
        let metadata = object["metadata"]
        name = metadata?["name"]?.string ?? ""
        namespace = metadata?["namespace"]?.string ?? ""
        uid = metadata?["uid"]?.string ?? ""
        resourceVersion = metadata?["resourceVersion"]?.string ?? ""
        labels = metadata?["labels"]?.strings ?? [:]
        annotations = metadata?["annotations"]?.strings ?? [:]
        deletionTimestamp = metadata?["deletionTimestamp"]?.string
    }

    /// Whether it is being deleted.
    public var isTerminating: Bool { deletionTimestamp != nil }
}

/// Settings by their names.
public struct ConfigMap: Hashable, Sendable {
    /// What it says of itself.
    public let metadata: ObjectMetadata
    /// Its texts; those that are bytes (`binaryData`) are not here.
    public let data: [String: String]

    /// Reads one.
    /// - Parameter object: The object; what it lacks is empty.
    public init(_ object: JSON) {
        metadata = ObjectMetadata(of: object)
        data = object["data"]?.strings ?? [:]
    }
}

/// Secrets by their names; prints as its name and theirs only.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// What it says of itself.
    public let metadata: ObjectMetadata
    /// Its secrets, decoded.
    public let data: [String: [UInt8]]

    /// Reads one.
    /// - Parameter object: The object.
    /// - Throws: ``KubernetesError/unusable(_:)`` if a value is no base64; it is not quoted.
    public init(_ object: JSON) throws(KubernetesError) {
        let metadata = ObjectMetadata(of: object)
        var data: [String: [UInt8]] = [:]
        for (name, value) in object["data"]?.object ?? [:] {
            guard let text = value.string, let bytes = Data(base64Encoded: text) else {
                throw .unusable("secret \(metadata.namespace)/\(metadata.name): \(name) is no base64")
            }
            data[name] = Array(bytes)
        }
        self.metadata = metadata
        self.data = data
    }

    /// Its name and the names in it.
    public var description: String {
        "secret \(metadata.namespace)/\(metadata.name) with \(data.keys.sorted().joined(separator: ", "))"
    }

    /// Nothing: dumps and test failures print what is here.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
