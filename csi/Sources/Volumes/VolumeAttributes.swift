/// What a volume is: a cluster or a store, a directory of it, options, and an identity.
///
/// Read from the parameters of a StorageClass, the `volumeAttributes` of a PersistentVolume, or those of an
/// inline volume; the names are documented in `docs/csi.md`.
package struct VolumeAttributes: Hashable, Sendable {
    /// Where the data is.
    package enum Source: Hashable, Sendable {
        /// All stores that a cluster has mounted.
        case cluster(namespace: String, name: String)
        /// One store, by its address.
        case store(String)
    }

    /// Whose right to the data counts.
    package enum Authentication: String, Hashable, Sendable {
        /// That of the daemon's own environment.
        case driver
        /// That of a Secret of the volume.
        case secret
        /// That of the pod's service account.
        case pod
    }

    /// Where the data is.
    package var source: Source
    /// The directory of the mount that the volume shows; empty for all of it.
    package var path: [String]
    /// Options of `alluxio-fuse mount`, as `name` or `name=value`.
    package var options: [String]
    /// Whose right to the data counts.
    package var authentication: Authentication
    /// The role that a service account assumes.
    package var role: String?
    /// Whom the service account's token is for.
    package var audience: String
    /// Whether the pod names the volume itself, without a PersistentVolume that an administrator made.
    package var isInline: Bool

    /// What a volume may be on this node.
    package struct Rules: Sendable {
        /// Whether `file://` addresses may be used: they show the node's own files.
        package var allowsLocalStores = false
        /// Whether inline volumes, which any user may write, get the driver's own identity for a store.
        package var allowsDriverIdentityInline = false

        /// The strict rules.
        package init() {}
    }

    private static let names: Set<String> = [
        "alluxioClusterName", "alluxioClusterNamespace", "ufs", "path", "options", "authentication",
        "roleArn",
        "audience",
    ]
    /// What Kubernetes adds of its own.
    private static let foreignPrefixes = ["csi.storage.k8s.io/", "storage.kubernetes.io/"]
    private static let textMaximum = 4096

    /// Reads and checks attributes.
    /// - Parameters:
    ///   - context: Names and values.
    ///   - mountFlags: `mountOptions` of the volume.
    ///   - hasSecrets: Whether a Secret comes with the call: its identity counts if none is named.
    ///   - rules: What is allowed.
    /// - Throws: A ``VolumeError`` that names the attribute.
    package init(
        _ context: [String: String],
        mountFlags: [String] = [],
        hasSecrets: Bool = false,
        rules: Rules
    ) throws(VolumeError) {
        for (name, value) in context {
            guard Self.names.contains(name) || Self.foreignPrefixes.contains(where: name.hasPrefix) else {
                let known = Self.names.sorted().joined(separator: ", ")
                throw .invalid("volume attribute '\(name)' is unknown; there are \(known)")
            }
            guard !Self.names.contains(name) || value.utf8.count <= Self.textMaximum else {
                throw .invalid("volume attribute '\(name)' is longer than \(Self.textMaximum) bytes")
            }
            guard !Self.names.contains(name) || !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
            else {
                throw .invalid("volume attribute '\(name)' has control characters")
            }
        }
        let value = { (name: String) in context[name].flatMap { $0.isEmpty ? nil : $0 } }
        isInline = context["csi.storage.k8s.io/ephemeral"] == "true"
        source = try Self.source(value, rules)
        path = try Self.components(value("path") ?? "")
        options = try MountOptions.parse([value("options") ?? ""] + mountFlags)
        let word = value("authentication") ?? (hasSecrets ? Authentication.secret : .driver).rawValue
        guard let authentication = Authentication(rawValue: word) else {
            throw .invalid("authentication '\(word)' is none of driver, secret, pod")
        }
        guard !hasSecrets || authentication == .secret else {
            throw .invalid(
                "a Secret comes with the volume, but authentication is '\(word)'; leave one of them out"
            )
        }
        self.authentication = authentication
        role = value("roleArn")
        audience = value("audience") ?? "sts.amazonaws.com"
        if authentication == .pod, role == nil {
            throw .invalid("authentication 'pod' needs 'roleArn', the role that the service account assumes")
        }
        if isInline, authentication == .driver, case .store = source, !rules.allowsDriverIdentityInline {
            throw VolumeError(
                .permissionDenied,
                "an inline volume of a store needs 'authentication: secret' or 'pod': the driver's "
                    + "own identity "
                    + "is not for everybody who may make pods (node option --inline-driver-identity)"
            )
        }
    }

    private static func source(
        _ value: (String) -> String?,
        _ rules: Rules
    ) throws(VolumeError) -> Source {
        switch (value("alluxioClusterName"), value("ufs")) {
        case (let name?, nil):
            let namespace = value("alluxioClusterNamespace") ?? "default"
            for (what, text) in [("alluxioClusterName", name), ("alluxioClusterNamespace", namespace)] {
                guard isLabel(text) else {
                    throw .invalid("\(what) '\(text)' is no name of Kubernetes: a-z, 0-9 and '-', at most 63")
                }
            }
            return .cluster(namespace: namespace, name: name)
        case (nil, let address?):
            return .store(try checked(address, rules))
        case (nil, nil):
            throw .invalid("a volume needs 'alluxioClusterName' or 'ufs': what to mount")
        case (_?, _?):
            throw .invalid(
                "'alluxioClusterName' and 'ufs' exclude each other: a cluster's stores are its own"
            )
        }
    }

    private static func checked(_ address: String, _ rules: Rules) throws(VolumeError) -> String {
        for scheme in ["s3://", "s3a://"] where address.hasPrefix(scheme) {
            guard address.count > scheme.count, !address.contains("@"), !address.contains("?") else {
                throw .invalid("ufs '\(scheme)…' is no bucket and prefix, such as s3://bucket/prefix")
            }
            return address
        }
        guard address.hasPrefix("file:///") else {
            throw .invalid("ufs is none of s3://bucket[/prefix], s3a://bucket[/prefix], file:///directory")
        }
        guard rules.allowsLocalStores else {
            throw VolumeError(
                .permissionDenied,
                "'\(address)' would show files of the node; "
                    + "the node plugin allows it with --allow-local-stores"
            )
        }
        return address
    }

    /// The components of a directory of the mount.
    static func components(_ path: String) throws(VolumeError) -> [String] {
        let parts = path.split(separator: "/").map(String.init)
        guard !parts.contains("."), !parts.contains("..") else {
            throw .invalid("path '\(path)' has '.' or '..'; name a directory of the mount")
        }
        guard parts.allSatisfy({ $0.utf8.count <= 255 }) else {
            throw .invalid("path '\(path)' has a name of more than 255 bytes")
        }
        return parts
    }

    /// Whether a text is a DNS label, as names of most things in Kubernetes are (RFC 1123).
    static func isLabel(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"),
            bytes.last != UInt8(ascii: "-")
        else { return false }
        return bytes.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
    }
}
