import CMounts
import CoreMetrics
import Glibc
package import Logging
import Threading
package import Volumes

/// Where the properties of clusters come from.
package protocol ClusterProperties: Sendable {
    /// The text of a cluster's `alluxio-site.properties`.
    /// - Throws: ``VolumeError``: `notFound` if there is no such cluster, `unavailable` if nobody can be
    ///   asked.
    func properties(namespace: String, cluster: String) throws(VolumeError) -> String
}

/// What the orchestrator asks for when it stages or publishes a volume.
package struct VolumeRequest: Sendable {
    /// The volume's id.
    package var id: String
    /// The directory to stage to or publish at.
    package var path: String
    /// Attributes of the volume, and what Kubernetes says of the pod.
    package var context: [String: String]
    /// The Secret that comes with the call; empty: none.
    package var secrets: [String: String]
    /// `mountOptions`.
    package var mountFlags: [String]
    /// Whether nothing may be written.
    package var isReadOnly: Bool
    /// Whether the volume may be shown at one target only (ReadWriteOncePod).
    package var isExclusive: Bool

    /// Collects what was asked for.
    package init(
        id: String,
        path: String,
        context: [String: String],
        secrets: [String: String],
        mountFlags: [String],
        isReadOnly: Bool,
        isExclusive: Bool
    ) {
        self.id = id
        self.path = path
        self.context = context
        self.secrets = secrets
        self.mountFlags = mountFlags
        self.isReadOnly = isReadOnly
        self.isExclusive = isExclusive
    }
}

/// The volumes of one node: which daemon serves which, and where it is shown.
///
/// Calls block, within their deadlines; any thread may make them. Calls for one volume take turns.
package final class NodeVolumes: Sendable {
    /// Times and rules.
    package struct Options: Sendable {
        /// What a volume may be.
        package var rules = VolumeAttributes.Rules()
        /// How long a call waits for one before it on the same volume.
        package var patience = Duration.seconds(30)
        /// How long a publish waits for a daemon to serve.
        package var servingDeadline = Duration.seconds(60)
        /// How long a call waits for the end of a daemon, which goes on after it.
        package var stopDeadline = Duration.seconds(10)

        /// The default options.
        package init() {}
    }

    let files: StateFiles
    let mounts: Mounts
    let runner: any DaemonRunner
    let options: Options
    let logger: Logger
    let locks = NamedLocks()
    let repairs = Counter(label: "alluxio_csi_repairs_total")
    private let clusters: any ClusterProperties
    /// The kubelet's directory without symbolic links.
    private let kubelet: String

    /// Finds what an earlier plugin left, and keeps its daemons.
    package init(
        files: StateFiles,
        mounts: Mounts,
        runner: any DaemonRunner,
        clusters: any ClusterProperties,
        options: Options,
        logger: Logger
    ) {
        self.files = files
        self.mounts = mounts
        self.runner = runner
        self.clusters = clusters
        self.options = options
        self.logger = logger
        if let real = realpath(files.places.kubelet, nil) {
            kubelet = String(cString: real)
            free(real)
        } else {
            kubelet = files.places.kubelet
        }
    }

    // MARK: Staging

    /// Prepares a volume: checks it, and starts its daemon if only this call brings the identity.
    /// - Throws: ``VolumeError``.
    package func stage(_ request: VolumeRequest) throws(VolumeError) {
        _ = try path(request.path, "staging_target_path")
        let attributes = try attributes(of: request)
        try locks.hold(request.id, patience: options.patience) { () throws(VolumeError) in
            var record = files.record(of: request.id)
            guard record.stagingPath == nil || record.stagingPath == request.path else {
                throw VolumeError(
                    .alreadyExists,
                    "volume '\(request.id)' is staged at '\(record.stagingPath ?? "")'; unstage it first"
                )
            }
            record.stagingPath = request.path
            guard !request.secrets.isEmpty else { return try files.keep(record) }
            let before = record.stagedKey
            let (specification, identity, properties) = try specification(request, attributes)
            record.stagedKey = specification.key
            try files.keep(record)
            try start(specification, identity, properties)
            if let before, before != specification.key { release(before) }
        }
    }

    /// Ends what staging began.
    /// - Throws: ``VolumeError``.
    package func unstage(_ id: String, _ stagingPath: String) throws(VolumeError) {
        _ = try path(stagingPath, "staging_target_path")
        try locks.hold(id, patience: options.patience) { () throws(VolumeError) in
            var record = files.record(of: id)
            let key = record.stagedKey
            (record.stagingPath, record.stagedKey) = (nil, nil)
            try files.keep(record)
            if let key { release(key) }
        }
    }

    // MARK: Parts

    /// Checks a path of the kubelet, and names it without symbolic links.
    func path(_ path: String, _ what: String) throws(VolumeError) -> String {
        try TargetPath.check(path, what, below: files.places.kubelet)
        return kubelet + path.dropFirst(files.places.kubelet.utf8.count)
    }

    func attributes(of request: VolumeRequest) throws(VolumeError) -> VolumeAttributes {
        try VolumeAttributes(
            request.context,
            mountFlags: request.mountFlags,
            hasSecrets: !request.secrets.isEmpty,
            rules: options.rules
        )
    }

    /// Which daemon a request needs, and what it gets.
    func specification(
        _ request: VolumeRequest,
        _ attributes: VolumeAttributes
    ) throws(VolumeError) -> (DaemonSpecification, Identity, properties: String) {
        let identity = try identity(of: request, attributes)
        let properties = try properties(of: attributes)
        let specification = DaemonSpecification(
            attributes,
            identity: identity,
            properties: properties,
            places: files.places
        )
        return (specification, identity, properties)
    }

    private func identity(
        of request: VolumeRequest,
        _ attributes: VolumeAttributes
    ) throws(VolumeError) -> Identity {
        switch attributes.authentication {
        case .driver: .driver
        case .secret: .secret(try SecretProperties(request.secrets))
        case .pod:
            .serviceAccount(
                try Identity.ServiceAccount(
                    request.context,
                    role: attributes.role ?? "",
                    audience: attributes.audience
                )
            )
        }
    }

    /// The properties of a cluster: as it has them now, else as they were when somebody could be asked.
    private func properties(of attributes: VolumeAttributes) throws(VolumeError) -> String {
        guard case .cluster(let namespace, let name) = attributes.source else { return "" }
        do throws(VolumeError) {
            let text = try clusters.properties(namespace: namespace, cluster: name)
            try files.keep(properties: text, namespace: namespace, cluster: name)
            return text
        } catch {
            guard error.kind == .unavailable,
                let known = files.properties(namespace: namespace, cluster: name)
            else { throw error }
            logger.warning(
                "the properties of a cluster are those read earlier",
                metadata: ["cluster": "\(namespace)/\(name)", "reason": "\(error)"]
            )
            return known
        }
    }

    /// Makes sure that a daemon is kept; its user has been recorded already.
    func start(
        _ specification: DaemonSpecification,
        _ identity: Identity,
        _ properties: String
    ) throws(VolumeError) {
        try locks.hold("daemon \(specification.key)", patience: options.patience) { () throws(VolumeError) in
            if files.specification(of: specification.key) == specification {
                try files.keepSecrets(of: identity, specification.key)
            } else {
                try files.keep(specification, identity: identity, properties: properties)
            }
            try runner.start(specification)
        }
    }

    /// Ends a daemon that no volume uses any more.
    func release(_ key: String) {
        do throws(VolumeError) {
            try locks.hold("daemon \(key)", patience: options.stopDeadline) { () throws(VolumeError) in
                guard !files.records().contains(where: { $0.keys.contains(key) }) else { return }
                files.unwant(key)
                guard runner.stop(key, within: options.stopDeadline) else {
                    logger.warning("a daemon still stores what was written", metadata: ["key": "\(key)"])
                    return
                }
                let mountPoint = files.places.mountPoint(of: key)
                try Mounts.detachAll(mountPoint)
                rmdir(mountPoint)
                files.forget(key)
                StagedRemains.clean("\(files.places.mounts)/staging/\(key)", logger)
            }
        } catch {
            logger.error("a daemon is left", metadata: ["key": "\(key)", "reason": "\(error)"])
        }
    }

    /// Waits until a daemon serves.
    /// - Throws: ``VolumeError`` with the daemon's own line.
    func awaitServing(_ key: String, by deadline: ContinuousClock.Instant) throws(VolumeError) {
        while true {
            let status = files.status(of: key)
            let mountPoint = files.places.mountPoint(of: key)
            if status?.state == .serving, MountInfoTable.current().top(at: mountPoint)?.isOurs == true {
                return
            }
            if let status, status.state == .failed { throw VolumeError(daemon: status) }
            guard ContinuousClock.now < deadline else {
                let trouble = runner.trouble(of: key).map { ": \($0)" } ?? ""
                throw VolumeError(
                    .deadlineExceeded,
                    "the daemon does not serve after \(options.servingDeadline)\(trouble)"
                )
            }
            usleep(5000)
        }
    }
}
