import ArgumentParser
import CoreMetrics
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import Logging
import NIOPosix
import Node
import Telemetry
import Volumes

/// Options of both servers.
struct ServerOptions: ParsableArguments {
    @Option(help: "The socket to answer at, as unix:///path.")
    var endpoint = "unix:///csi/csi.sock"

    @Option(name: .customLong("http-port"), help: "The port of /healthz and /metrics; 0: none.")
    var port: UInt16 = 9809

    @Option(name: .customLong("http-host"), help: "The IPv4 address of that port.")
    var host = "0.0.0.0"

    @Option(help: "A kubeconfig; without it the pod's own service account is used.")
    var kubeconfig: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
    var level = "info"

    func validate() throws {
        guard endpoint.hasPrefix("unix:///"), endpoint.utf8.count > 8, endpoint.utf8.count < 100 else {
            throw ValidationError("--endpoint '\(endpoint)' is no socket, such as unix:///csi/csi.sock")
        }
        guard Logger.Level(rawValue: level) != nil else {
            throw ValidationError(
                "--log-level '\(level)' is none of trace, debug, info, notice, warning, error, critical"
            )
        }
    }

    /// The API server.
    var cluster: ClusterAccess { ClusterAccess(kubeconfig: kubeconfig) }

    /// The socket's path.
    var path: String { String(endpoint.dropFirst(7)) }

    /// Serves until SIGTERM or SIGINT.
    func serve(_ services: [any RegistrableRPCService], _ health: Health, _ registry: PrometheusRegistry)
        async throws
    {
        let logger = Logger(label: "csi")
        if port > 0 {
            _ = try MetricsServer(host: host, port: port, registry: registry) { health.isAnswering }
        }
        unlink(path)
        let server = GRPCServer(
            transport: HTTP2ServerTransport.Posix(
                address: .unixDomainSocket(path: path),
                transportSecurity: .plaintext
            ),
            services: services,
            interceptors: [CallRecorder(logger: Logger(label: "call"))]
        )
        let signals = StopSignal.wait { server.beginGracefulShutdown() }
        defer { signals.cancel() }
        logger.notice("serving", metadata: ["endpoint": "\(endpoint)", "version": "\(DriverFacts.version)"])
        try await server.serve()
        unlink(path)
        logger.notice("stopped")
    }

    /// Sets up logs and metrics, once.
    func prepare() -> PrometheusRegistry {
        let level = Logger.Level(rawValue: level) ?? .info
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, level: level, format: .text, sink: .standardError)
        }
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return registry
    }
}

/// `alluxio-csi controller`.
struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller",
        abstract: "Answers the provisioner: names volumes, provisions nothing."
    )

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let registry = server.prepare()
        let health = Health { nil }
        let known = KnownVolumes(directory: server.cluster.directory())
        try await server.serve(
            [IdentityService(health: health), ControllerService(known: known)],
            health,
            registry
        )
    }
}

/// `alluxio-csi node`.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Answers the kubelet: keeps daemons and shows their mounts in pods."
    )

    /// Where daemons run.
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        /// In a pod each.
        case pod
        /// As children of this process.
        case process
    }

    @OptionGroup var server: ServerOptions

    @Option(name: .customLong("node-id"), help: "The node's name.")
    var node: String

    @Option(help: "Where daemons run: in a pod each, or as children of this process.")
    var mode = Mode.pod

    @Option(name: .customLong("mount-dir"), help: "Where daemons are mounted, on the host too.")
    var mounts = "/mnt/alluxio"

    @Option(name: .customLong("kubelet-dir"), help: "The kubelet's directory; all targets lie below it.")
    var kubelet = "/var/lib/kubelet"

    @Option(name: .customLong("cache-dir"), help: "Directory of local caches; without it they are in memory.")
    var cache: String?

    @Option(help: "The daemon's program, for mode 'process'.")
    var program = "alluxio-fuse"

    @Option(help: "The namespace of the driver, for mode 'pod'.")
    var namespace = "alluxio-operator"

    @Option(name: .customLong("serving-seconds"), help: "How long a publish waits for a daemon to serve.")
    var servingSeconds = 60

    @Flag(
        name: .customLong("allow-local-stores"),
        help: "Allow volumes of file:///directory, which show the node's files."
    )
    var allowsLocalStores = false

    @Flag(
        name: .customLong("inline-driver-identity"),
        help: "Let inline volumes, which any user may write, use the driver's own identity."
    )
    var allowsDriverIdentityInline = false

    func run() async throws {
        let registry = server.prepare()
        let volumes = try makeVolumes()
        let pool = NIOThreadPool(numberOfThreads: Self.callsMaximum)
        pool.start()
        let health = Health { volumes.hasStalled ? "the mounts have not been looked at for a while" : nil }
        try MountWatch.start(
            onChange: { volumes.repair() },
            everySecond: { volumes.tick() }
        )
        let services: [any RegistrableRPCService] = [
            IdentityService(health: health), NodeService(node: node, volumes: volumes, pool: pool),
        ]
        try await server.serve(services, health, registry)
    }

    /// The most calls that are answered at a time; others wait.
    private static let callsMaximum = 64
}
