import Glibc
import HTTPTransport
package import Kubernetes
import TestServers

/// The test API server, with a kubelet for each node, gone when the test process is.
package final class APIServerRig: Sendable {
    /// The node that pods can run on.
    package static let node = "node-a.example"

    private let process: SupervisedProcess
    private let transport: HTTPTransport
    private let port: Int

    /// Starts one.
    /// - Parameter backOff: The first pause before a container is started again, in seconds; doubles.
    /// - Throws: An error with its output if it does not come up.
    package init(backOff: Double = 10) throws {
        let script =
            #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/rig/api_server.py"
        process = try SupervisedProcess(
            ["python3", "-B", script, "{dir}/api", "--node", Self.node, "--back-off", "\(backOff)"]
        )
        let folder = "\(process.directory)/api"
        try process.wait(for: "the API server") { SupervisedProcess.read("\(folder)/port") != nil }
        port = Int(String(decoding: SupervisedProcess.read("\(folder)/port") ?? [], as: UTF8.self)) ?? 0
        var options = HTTPTransportOptions()
        options.usesProxies = false
        options.certificateAuthorityFile = "\(folder)/ca.crt"
        transport = HTTPTransport(options: options)
    }

    /// The folder with `ca.crt`, `client.crt`, `client.key`, `kubeconfig`, `serviceaccount/`, and `logs/`.
    package var folder: String { "\(process.directory)/api" }

    /// The server's URL.
    package var url: String { "https://127.0.0.1:\(port)" }

    /// The environment of a pod.
    package var environment: [String: String] {
        ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(port)"]
    }

    /// A client with the service account, in namespace `alluxio-operator`.
    package func client(_ change: (inout KubernetesClientOptions) -> Void = { _ in }) throws
        -> KubernetesClient
    {
        var options = KubernetesClientOptions()
        options.usesProxies = false
        options.firstPause = .milliseconds(20)
        change(&options)
        let account = "\(folder)/serviceaccount"
        return KubernetesClient(
            try ServerAccess.inCluster(environment: environment, folder: account),
            options: options
        )
    }

    /// One of the handles of the rig; see `api_server.py`.
    @discardableResult
    package func handle(_ name: String, _ arguments: JSON = [:]) throws -> JSON {
        let request = HTTPRequest(method: "POST", url: "\(url)/rig/\(name)", body: arguments.bytes)
        return try JSON(reading: try transport.send(request).body)
    }

    /// Makes an object or replaces one.
    package func put(_ resource: String, _ namespace: String, _ object: JSON) throws {
        try handle("put", ["resource": .string(resource), "namespace": .string(namespace), "item": object])
    }

    /// Waits until the container `alluxio-fuse` of a pod has printed something.
    package func wait(forLine text: String, of pod: String) throws {
        try process.wait(for: "'\(text)' in the log of \(pod)") {
            let log = SupervisedProcess.read("\(folder)/logs/\(pod).alluxio-fuse.log") ?? []
            return String(decoding: log, as: UTF8.self).contains(text)
        }
    }

    /// The requests so far: method, path and status.
    package func requests() throws -> [String] {
        (try handle("requests").array ?? []).compactMap(\.string)
    }
}

extension ContinuousClock.Instant {
    /// So many seconds from now.
    package static func seconds(_ seconds: Double) -> ContinuousClock.Instant {
        ContinuousClock.now + .seconds(seconds)
    }
}
