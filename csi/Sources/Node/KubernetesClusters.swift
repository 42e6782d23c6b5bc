package import Kubernetes
package import Volumes

/// The properties of clusters, from the ConfigMaps that their charts make.
package struct KubernetesClusters: ClusterProperties {
    private static let deadline = Duration.seconds(10)
    private static let entry = "alluxio-site.properties"

    private let client: KubernetesClient

    /// - Parameter client: Whom to ask.
    package init(_ client: KubernetesClient) { self.client = client }

    package func properties(namespace: String, cluster: String) throws(VolumeError) -> String {
        let name = "\(cluster)-alluxio-conf"
        let object: JSON
        do throws(KubernetesError) {
            object = try client.get(.configMaps, name, in: namespace, by: .now + Self.deadline)
        } catch {
            switch error {
            case .notFound:
                throw VolumeError(
                    .notFound,
                    "there is no ConfigMap '\(name)' in namespace '\(namespace)': the cluster "
                        + "'\(cluster)' is not "
                        + "installed there, or its name is another one"
                )
            case .forbidden, .unauthorized: throw VolumeError(.failedPrecondition, "\(error)")
            default: throw VolumeError(.unavailable, "\(error)")
            }
        }
        guard let text = ConfigMap(object).data[Self.entry] else {
            throw VolumeError(.failedPrecondition, "ConfigMap '\(namespace)/\(name)' has no '\(Self.entry)'")
        }
        return text
    }
}
