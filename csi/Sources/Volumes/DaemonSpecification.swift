import FoundationEssentials

/// What one daemon mounts: everything its keeper needs to know, and no secrets.
package struct DaemonSpecification: Codable, Hashable, Sendable {
    /// The sharing key: 32 hexadecimal digits.
    ///
    /// Volumes with one key share a daemon.
    package var key: String
    /// The store's address; nil for the mount table of the cluster in the properties.
    package var source: String?
    /// Where to mount.
    package var mountPoint: String
    /// Options, as `name` or `name=value`.
    package var options: [String]
    /// What the daemon's environment has beside the keeper's own: whose rights it has, if not the driver's.
    package var environment: [String: String]
    /// `<namespace>-<cluster>`, as a label; nil for a store.
    package var cluster: String?

    /// Describes a daemon.
    /// - Parameters:
    ///   - attributes: The volume's.
    ///   - identity: Whose right counts.
    ///   - properties: The text of the cluster's `alluxio-site.properties`; empty for a store.
    ///   - places: Where things are on the node.
    package init(
        _ attributes: VolumeAttributes,
        identity: Identity,
        properties: String,
        places: NodePlaces
    ) {
        var lines = identity.lines + attributes.options + ["properties", properties]
        switch attributes.source {
        case .cluster(let namespace, let name):
            (source, cluster) = (nil, "\(namespace)-\(name)")
            lines = ["cluster", namespace, name] + lines
        case .store(let address):
            (source, cluster) = (address, nil)
            lines = ["store", address] + lines
        }
        let key = Digest.text(of: lines)
        self.key = key
        mountPoint = places.mountPoint(of: key)
        options = attributes.options
        environment = identity.environment(in: places.daemonDirectory(key))
        guard identity != .driver else { return }
        // Keys of the cluster's properties or of its mount table are the cluster's.
        options.append("alluxio.underfs.s3.credentials.environment.only=true")
        // Workers read with credentials of their own.
        if cluster != nil { options.append("alluxio.fuse.rights.proof.enabled=true") }
    }
}

extension Identity {
    /// Which files of a daemon's directory hold its credentials, and that there are no others.
    fileprivate func environment(in directory: String) -> [String: String] {
        var own = ["AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true"]
        switch self {
        case .driver: return [:]
        case .secret: own["AWS_SHARED_CREDENTIALS_FILE"] = "\(directory)/\(DaemonFile.credentials)"
        case .serviceAccount(let account):
            own["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
            own["AWS_ROLE_ARN"] = account.role
            own["AWS_WEB_IDENTITY_TOKEN_FILE"] = "\(directory)/\(DaemonFile.token)"
            own["AWS_ROLE_SESSION_NAME"] = "\(account.namespace)-\(account.name)"
        }
        return own
    }
}

extension DaemonSpecification {
    /// The whole environment of the daemon.
    ///
    /// Who has an identity of its own gets nothing of the keeper's rights: no keys, roles, tokens, profiles.
    /// - Parameter keeper: The keeper's environment.
    /// - Returns: Variables by name.
    package func environment(over keeper: [String: String]) -> [String: String] {
        guard !environment.isEmpty else { return keeper }
        let kept = keeper.filter { !$0.key.hasPrefix("AWS_") || Self.placeNames.contains($0.key) }
        return kept.merging(environment) { $1 }
    }

    /// Variables of AWS that say where, not who.
    private static let placeNames: Set<String> = [
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CA_BUNDLE",
    ]

    /// Whether two daemons mount the same with the same options, whoever they do it for.
    package func mountsTheSame(as other: DaemonSpecification) -> Bool {
        source == other.source && options == other.options && cluster == other.cluster
    }
}

/// Files of a daemon's directory.
package enum DaemonFile {
    /// What to mount: a ``DaemonSpecification``.
    package static let specification = "daemon.json"
    /// Properties of the cluster.
    package static let properties = "alluxio-site.properties"
    /// Credentials of a Secret.
    package static let credentials = "credentials"
    /// A service account's token.
    package static let token = "token"
    /// What the keeper says: a ``DaemonStatus``.
    package static let status = "status.json"
    /// Held by the keeper for as long as it lives.
    package static let lock = "lock"
}

/// What a keeper says of its daemon.
package struct DaemonStatus: Codable, Hashable, Sendable {
    /// What state it is in.
    package enum State: String, Codable, Sendable {
        /// The daemon is being started.
        case starting
        /// The mount answers.
        case serving
        /// The daemon says why it cannot mount; it will be tried again.
        case failed
    }

    /// What state it is in.
    package var state: State
    /// The daemon's process, as the keeper sees it.
    package var process: Int32?
    /// When that process began, by the kernel's clock, so that nobody else with its number is taken for it.
    package var processStart: UInt64?
    /// The daemon's own line, if it failed.
    package var reason: String?
    /// Its exit status then: 2 if its options are wrong.
    package var exitStatus: Int32?
    /// How often it was started.
    package var starts: Int

    /// Describes a state.
    package init(
        state: State,
        process: Int32? = nil,
        processStart: UInt64? = nil,
        reason: String? = nil,
        exitStatus: Int32? = nil,
        starts: Int
    ) {
        self.state = state
        self.process = process
        self.processStart = processStart
        self.reason = reason
        self.exitStatus = exitStatus
        self.starts = starts
    }
}

/// Where things are on a node.
package struct NodePlaces: Hashable, Sendable {
    /// Where daemons are mounted, with propagation to the host: `/mnt/alluxio`.
    package var mounts: String
    /// The kubelet's directory, which all targets lie below: `/var/lib/kubelet`.
    package var kubelet: String

    /// Names the places.
    package init(mounts: String = "/mnt/alluxio", kubelet: String = "/var/lib/kubelet") {
        self.mounts = mounts
        self.kubelet = kubelet
    }

    /// The tmpfs with all state.
    package var run: String { "\(mounts)/run" }
    /// The directory with a directory for each daemon.
    package var daemons: String { "\(run)/daemons" }
    /// The directory with a file for each volume.
    package var volumes: String { "\(run)/volumes" }
    /// A daemon's directory.
    package func daemonDirectory(_ key: String) -> String { "\(daemons)/\(key)" }
    /// Where a daemon is mounted.
    package func mountPoint(of key: String) -> String { "\(mounts)/fuse-\(key)" }
}
