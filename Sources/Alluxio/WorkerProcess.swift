import Cluster
import CoreMetrics
import Glibc
import Logging
import Servers
import Settings
import Telemetry
import Threading

/// The life of a worker: checks, start, service, end.
struct WorkerProcess {
    let plan: WorkerPlan

    /// Serves until a signal ends it.
    /// - Throws: A ``Failure`` if it can't start.
    func run() throws(Failure) {
        let began = ContinuousClock.now
        StopSignals.prepare()
        bootstrap()
        let logger = Logger(label: "worker")
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        ProcessGauges.add(to: registry, version: Version.text)
        DescriptorLimit.raise(logger)
        for notice in plan.settings.notices {
            logger.notice("\(notice.message)", metadata: notice.facts.mapValues { "\($0)" })
        }
        let parts = try WorkerParts(plan: plan, registry: registry)
        let ports = try parts.start()
        let registration: WorkerRegistration?
        do {
            registration = try parts.register(ports)
        } catch {
            parts.stop()
            throw error
        }
        try Self.housekeep(parts)
        announce(parts, ports, logger, since: began)
        let signal = StopSignals.wait()
        logger.notice("the worker ends", metadata: ["signal": "\(signal)"])
        try StopSignals.abandonAtNext()
        try Self.end(parts, registration)
        logger.info("the worker has ended")
    }

    /// Gives the lease back while answers under way finish, so that clients go elsewhere at once.
    private static func end(_ parts: WorkerParts, _ registration: WorkerRegistration?) throws(Failure) {
        let revoking = try thread("revoke") { registration?.stop(within: revokeLimit) }
        parts.stop()
        revoking.join()
    }

    /// How long the lease's thread may take to end; giving the lease back has its own deadline.
    private static let revokeLimit = Duration.seconds(3)

    private static func thread(
        _ name: String,
        _ body: @escaping @Sendable () -> Void
    ) throws(Failure) -> JoinableThread {
        do throws(ThreadRefusal) {
            return try NamedThread.startJoinable(name, body)
        } catch {
            throw Failure("\(error)")
        }
    }

    private static func housekeep(_ parts: WorkerParts) throws(Failure) {
        do throws(ThreadRefusal) {
            try NamedThread.start("housekeeping") {
                var round = 0
                while true {
                    sleepThread(for: .seconds(1))
                    round += 1
                    parts.housekeep(round: round)
                }
            }
        } catch {
            throw Failure("\(error)")
        }
    }

    private func announce(
        _ parts: WorkerParts,
        _ ports: WorkerServer.Ports,
        _ logger: Logger,
        since began: ContinuousClock.Instant
    ) {
        let elapsed = (ContinuousClock.now - began) / Duration.milliseconds(1)
        let clients = plan.registers ? "etcd" : plan.settings.hasCluster ? "a list" : "nobody told"
        logger.info(
            "worker is ready",
            metadata: [
                "worker": "\(parts.identity)", "host": "\(plan.host)", "port": "\(ports.http)",
                "arrayNodePort": "\(ports.arrayNode.map(String.init) ?? "none")",
                "s3Port": "\(ports.s3.map(String.init) ?? "none")", "knownBy": "\(clients)",
                "mounts": "\(parts.mountCount)", "capacityBytes": "\(plan.capacityBytes)",
                "version": "\(Version.text)", "settings": "\(plan.settings)",
                "milliseconds": "\(Int(elapsed))",
            ]
        )
    }

    private func bootstrap() {
        let level = plan.settings.text(.logLevel).flatMap { Logger.Level(rawValue: $0) } ?? .info
        let format = plan.settings.text(.logFormat).flatMap { LogFormat(rawValue: $0) } ?? .text
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, sink: .standardError)
        }
    }
}
