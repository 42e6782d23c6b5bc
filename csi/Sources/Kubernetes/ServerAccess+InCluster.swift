internal import SmallFiles

extension ServerAccess {
    /// Where the kubelet puts what a pod needs to ask the API server.
    public static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The largest certificate file and namespace file that are read, in bytes.
    static let fileMaximumBytes = 1 << 20

    /// The API server of the cluster that this pod is in, asked as the pod's service account.
    /// - Parameters:
    ///   - environment: The environment; `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are looked
    ///     at.
    ///   - folder: The folder with `token`, `ca.crt` and `namespace`.
    /// - Returns: The access; its token is read when it is used.
    /// - Throws: ``KubernetesError/configuration(_:)`` if this is no pod, or one without a service account.
    public static func inCluster(
        environment: [String: String],
        folder: String = serviceAccountFolder
    ) throws(KubernetesError) -> ServerAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], UInt16(port) != nil
        else {
            throw .configuration(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of a "
                    + "cluster; name a kubeconfig instead"
            )
        }
        let authorities = try contents("\(folder)/ca.crt")
        _ = try contents("\(folder)/token")
        let namespace = String(decoding: try contents("\(folder)/namespace"), as: UTF8.self)
        return try ServerAccess(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)",
            trust: .authorities(.text(authorities)),
            identity: .tokenFile("\(folder)/token"),
            namespace: String(namespace.filter { !$0.isWhitespace })
        )
    }

    private static func contents(_ path: String) throws(KubernetesError) -> [UInt8] {
        do throws(SmallFile.Failure) {
            return try SmallFile.read(path, atMostBytes: fileMaximumBytes)
        } catch {
            throw .configuration(
                "\(path) \(error.text): the pod needs a service account (automountServiceAccountToken: true)"
            )
        }
    }
}
