package import Kubernetes

/// What an administrator says of the pods that daemons run in: ConfigMap `alluxio-csi-fuse-pod`, key
/// `pod.yaml`.
///
/// A pod, without what the plugin knows better. A value, no I/O.
package struct PodTemplate: Hashable, Sendable {
    /// The ConfigMap's name.
    package static let configMap = "alluxio-csi-fuse-pod"
    /// The name in it.
    package static let entry = "pod.yaml"
    /// The annotation with the service accounts that a volume may choose from, separated by commas; `*` is
    /// any.
    ///
    /// The accounts are those of the plugin's namespace. Without it a volume may not choose.
    package static let accountsAnnotation = "csi.alluxio.com/service-accounts"

    private let pod: JSON
    private let accounts: Set<Substring>

    /// Reads a template.
    /// - Parameter yaml: Its text.
    /// - Throws: ``PodDaemonError/template(_:)`` if it is no pod, or has no container `alluxio-fuse` or two.
    package init(yaml: String) throws(PodDaemonError) {
        let pod: JSON
        do throws(YAMLError) { pod = try JSON(yaml: yaml) } catch { throw .template(error.description) }
        guard pod["kind"]?.string ?? "Pod" == "Pod", pod["apiVersion"]?.string ?? "v1" == "v1" else {
            throw .template("is of kind \(pod["kind"]?.string ?? "?"), not a Pod of v1")
        }
        let containers = pod[path: "spec", "containers"]?.array ?? []
        guard containers.count(where: { $0["name"]?.string == DaemonPod.container }) == 1 else {
            throw .template("must have one container named \(DaemonPod.container)")
        }
        self.pod = pod
        let accounts = ObjectMetadata(of: pod).annotations[Self.accountsAnnotation] ?? ""
        self.accounts = Set(accounts.split { $0 == "," || $0.isWhitespace })
    }

    /// The pod of a daemon.
    /// - Parameters:
    ///   - daemon: Which.
    ///   - namespace: The plugin's namespace.
    ///   - directory: The daemon's directory, as the container sees it.
    /// - Returns: The pod, to be created.
    /// - Throws: ``PodDaemonError/template(_:)`` if the template does not allow the daemon's service account.
    package func pod(
        for daemon: DaemonPod,
        in namespace: String,
        directory: String
    ) throws(PodDaemonError) -> JSON {
        var pod = self.pod
        pod["apiVersion"] = "v1"
        pod["kind"] = "Pod"
        pod["status"] = nil
        pod["metadata"] = metadata(of: daemon, in: namespace)
        var spec = pod["spec"] ?? [:]
        spec["nodeName"] = .string(daemon.node)
        spec["restartPolicy"] = "Always"
        if let account = daemon.serviceAccount {
            guard accounts.contains(account[...]) || accounts.contains("*") else {
                throw .template(
                    "does not allow service account \(account.debugDescription) to volumes: its annotation "
                        + "\(Self.accountsAnnotation) must name it"
                )
            }
            spec["serviceAccountName"] = .string(account)
            spec["serviceAccount"] = nil
        }
        let containers = (spec["containers"]?.array ?? []).map { container in
            container["name"]?.string == DaemonPod.container
                ? keeping(daemon, directory, container) : container
        }
        spec["containers"] = .array(containers)
        pod["spec"] = spec
        return pod
    }

    private func metadata(of daemon: DaemonPod, in namespace: String) -> JSON {
        // Of the template's own metadata only these two: a name, an owner or a finalizer of it would be
        // wrong.
        var labels = pod[path: "metadata", "labels"]?.object ?? [:]
        for (name, value) in daemon.labels { labels[name] = .string(value) }
        var metadata: JSON = [
            "name": .string(daemon.name), "namespace": .string(namespace), "labels": .object(labels),
        ]
        metadata["annotations"] = pod[path: "metadata", "annotations"]
        return metadata
    }

    /// The container with the command that keeps the daemon; a command of the template stays, as the program.
    private func keeping(_ daemon: DaemonPod, _ directory: String, _ container: JSON) -> JSON {
        var container = container
        if (container["command"]?.array ?? []).isEmpty { container["command"] = ["alluxio-csi"] }
        container["args"] = ["keep", .string(directory)]
        var environment = container["env"]?.array ?? []
        let own = ["FUSE_IDENTIFIER": daemon.name, "ALLUXIO_NODE_LABEL": daemon.node]
        environment.removeAll { $0["name"]?.string.map { own[$0] != nil } ?? false }
        for (name, value) in own.sorted(by: { $0.key < $1.key }) {
            environment.append(["name": .string(name), "value": .string(value)])
        }
        container["env"] = .array(environment)
        return container
    }
}
