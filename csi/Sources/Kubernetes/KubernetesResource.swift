internal import HTTPTransport

/// A kind of objects that the API server keeps.
public struct KubernetesResource: Hashable, Sendable {
    /// The group, empty for the core one.
    public let group: String
    /// The version: `v1`.
    public let version: String
    /// The plural name, as in paths and roles: `pods`.
    public let plural: String

    /// Names a kind.
    /// - Parameters:
    ///   - group: The group, a domain name; empty for the core one.
    ///   - version: The version.
    ///   - plural: The plural name.
    public init(group: String = "", version: String = "v1", plural: String) {
        self.group = group
        self.version = version
        self.plural = plural
    }

    /// Pods.
    public static let pods = KubernetesResource(plural: "pods")
    /// ConfigMaps.
    public static let configMaps = KubernetesResource(plural: "configmaps")
    /// Secrets.
    public static let secrets = KubernetesResource(plural: "secrets")
    /// Nodes, which are in no namespace.
    public static let nodes = KubernetesResource(plural: "nodes")

    /// Where the objects are.
    /// - Parameters:
    ///   - name: One of them, or nil for all.
    ///   - namespace: Where; nil for kinds in no namespace, or for all namespaces.
    ///   - part: A part of the object of its own, such as `status`; nil for the object.
    /// - Returns: The path, percent-encoded, from its `/`.
    /// - Throws: ``KubernetesError/invalid(_:)`` if a name has no form that the API server accepts.
    func path(_ name: String?, in namespace: String?, part: String? = nil) throws(KubernetesError) -> String {
        var steps = group.isEmpty ? ["api", version] : ["apis", group, version]
        if let namespace {
            guard KubernetesNames.isLabel(namespace) else {
                throw .invalid("\(namespace.debugDescription) is no name of a namespace")
            }
            steps += ["namespaces", namespace]
        }
        steps.append(plural)
        if let name {
            guard KubernetesNames.isSubdomain(name) else {
                throw .invalid("\(name.debugDescription) is no name of \(plural)")
            }
            steps.append(name)
        }
        if let part { steps.append(part) }
        // The steps are encoded even so: what a name may hold is checked above, not what a kind may.
        return steps.map { "/" + String(decoding: PercentCoding.encoded($0.utf8), as: UTF8.self) }.joined()
    }
}

/// Which objects of a kind are meant; the default is all of them.
public struct KubernetesSelection: Hashable, Sendable {
    /// The labels that they have.
    public var labels: [String: String]
    /// The labels that they have with any value.
    public var labelNames: [String]
    /// The fields that they have, as far as the API server knows them: `metadata.name`, `spec.nodeName`.
    public var fields: [String: String]

    /// Describes some objects.
    /// - Parameters:
    ///   - labels: The labels that they have.
    ///   - labelNames: The labels that they have with any value.
    ///   - fields: The fields that they have.
    public init(labels: [String: String] = [:], labelNames: [String] = [], fields: [String: String] = [:]) {
        self.labels = labels
        self.labelNames = labelNames
        self.fields = fields
    }

    /// The one object with a name.
    /// - Parameter name: The name.
    /// - Returns: A selection of at most one object in each namespace.
    public static func named(_ name: String) -> KubernetesSelection {
        KubernetesSelection(fields: ["metadata.name": name])
    }

    /// The selectors as parts of a query.
    /// - Throws: ``KubernetesError/invalid(_:)`` for a value that would read as something else.
    func query() throws(KubernetesError) -> [(name: String, value: String)] {
        for (name, value) in labels where !KubernetesNames.isLabelValue(value) {
            throw .invalid("\(value.debugDescription) is no value that label \(name) may have")
        }
        var query: [(name: String, value: String)] = []
        let labels = self.labels.map { "\($0)=\($1)" } + labelNames
        if !labels.isEmpty { query.append(("labelSelector", labels.sorted().joined(separator: ","))) }
        let fields = self.fields.map { "\($0)=\(Self.escaped($1))" }
        if !fields.isEmpty { query.append(("fieldSelector", fields.sorted().joined(separator: ","))) }
        return query
    }

    /// A field's value in a selector: `,`, `=` and `\` have meanings there.
    private static func escaped(_ value: String) -> String {
        String(value.flatMap { ",=\\".contains($0) ? ["\\", $0] : [$0] })
    }
}
