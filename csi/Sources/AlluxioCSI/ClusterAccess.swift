import Glibc
import Kubernetes
import Volumes

/// The API server, for whoever needs it.
struct ClusterAccess {
    /// A kubeconfig; nil: the pod's own service account, or `KUBECONFIG`.
    let kubeconfig: String?

    private static let deadline = Duration.seconds(10)
    private static let volumes = KubernetesResource(plural: "persistentvolumes")

    /// Makes a client.
    /// - Throws: `configuration` if nothing says where the API server is.
    func client() throws(KubernetesError) -> KubernetesClient {
        if let path = kubeconfig ?? getenv("KUBECONFIG").map({ String(cString: $0) }) {
            return KubernetesClient(try .kubeconfig(path))
        }
        var environment: [String: String] = [:]
        for name in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
            environment[name] = getenv(name).map { String(cString: $0) }
        }
        return KubernetesClient(try .inCluster(environment: environment))
    }

    /// Asks whether a PersistentVolume has a handle of this driver's; nil if nobody can be asked.
    func directory() -> KnownVolumes.Directory? {
        guard let client = try? client() else { return nil }
        return { (id) throws(VolumeError) in
            do throws(KubernetesError) {
                return try client.list(Self.volumes, in: nil, by: .now + Self.deadline).items.contains {
                    volume in
                    volume[path: "spec", "csi", "driver"]?.string == DriverFacts.name
                        && volume[path: "spec", "csi", "volumeHandle"]?.string == id
                }
            } catch {
                throw VolumeError(.unavailable, error.description)
            }
        }
    }
}
