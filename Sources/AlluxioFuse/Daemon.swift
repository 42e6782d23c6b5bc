import CLinux
import CoreMetrics
import Glibc
import Logging
import Settings
import Synchronization
import Telemetry
import Threading

/// Where a daemon runs, which decides where it logs and whom it tells that it is ready.
enum DaemonPlace: Sendable {
    case foreground
    case background(BackgroundReport)
}

/// The one report of a daemon in the background.
final class BackgroundReport: Sendable {
    private let isSent = Mutex(false)

    /// Sends the first report; further ones are dropped.
    /// - Returns: Whether this one was sent and read.
    func send(_ report: ReadyReport) -> Bool {
        isSent.withLock { isSent in
            guard !isSent else { return false }
            isSent = true
            return report.send(to: BackgroundStart.readyDescriptor)
        }
    }
}

/// The life of a daemon: checks, start, service, end.
struct Daemon {
    let plan: MountPlan
    let place: DaemonPlace

    /// Serves the mount until it is unmounted or a signal ends it.
    /// - Throws: A ``Failure`` if the mount cannot be made.
    func run() throws(Failure) {
        let began = ContinuousClock.now
        Signals.prepare()
        let sink = try logSink()
        bootstrap(sink)
        let logger = Logger(label: "daemon")
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        ProcessGauges.add(to: registry, version: Version.text)
        DescriptorLimit.raise(logger)
        // Eight threads that listed a big directory would keep some 9 MiB.
        _ = alluxio_heap_bound_free_ends(Self.freeEndBytes)
        let cleaned = try MountPoint.prepare(
            plan.mountPoint,
            allowsContents: plan.settings.flag(.nonEmpty) ?? false
        )
        remark(plan.settings.notices + cleaned, logger)

        let composition = try Composition(plan: plan, registry: registry)
        let server = try metricsServer(registry)
        try composition.mount()
        try Signals.wait(
            stop: { count in count > 1 ? Self.abandon(composition) : composition.unmount() },
            report: { report(registry, logger) }
        )
        try Housekeeping.start { composition.housekeep() }
        chdir("/")
        logger.info(
            "mount is ready",
            metadata: [
                "source": "\(plan.source)", "mountPoint": "\(plan.mountPoint)", "version": "\(Version.text)",
                "settings": "\(plan.settings)", "milliseconds": "\(milliseconds(since: began))",
            ]
        )
        composition.recover()
        announce(sink, composition)
        defer { server?.stop() }
        try composition.serve()
        logger.info("mount has ended", metadata: ["mountPoint": "\(plan.mountPoint)"])
    }

    /// Free memory that each thread's part of the heap may keep at its end.
    private static let freeEndBytes: Int32 = 256 << 10

    /// Asked twice to end: does not wait for anything.
    private static func abandon(_ composition: Composition) {
        composition.detach()
        _exit(1)
    }

    private func logSink() throws(Failure) -> LogSink {
        let named = plan.settings.isSet(.logFile) ? plan.settings.text(.logFile) : nil
        if case .foreground = place, named == nil { return .standardError }
        guard let path = named, path != "syslog" else { return .systemLog }
        guard path.hasPrefix("/") else {
            throw .usage("\(Property.logFile.key)='\(path)' is neither an absolute path nor 'syslog'")
        }
        do {
            return try LogSink.file(path)
        } catch {
            throw Failure("\(error); check \(Property.logFile.key)")
        }
    }

    private func bootstrap(_ sink: LogSink) {
        let level = plan.settings.text(.logLevel).flatMap { Logger.Level(rawValue: $0) } ?? .info
        let format = plan.settings.text(.logFormat).flatMap { LogFormat(rawValue: $0) } ?? .text
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, sink: sink)
        }
    }

    private func remark(_ notices: [Notice], _ logger: Logger) {
        for notice in notices {
            logger.notice("\(notice.message)", metadata: notice.facts.mapValues { "\($0)" })
        }
    }

    /// Tells whoever waits that the mount is there, and lets go of the terminal.
    private func announce(_ sink: LogSink, _ composition: Composition) {
        guard case .background(let report) = place else { return }
        guard report.send(.ready) else {
            // Whoever asked for the mount was interrupted, so nobody knows of it.
            composition.unmount()
            return
        }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, 1)
        // What the runtime says when it ends the process belongs into the log too.
        dup2(sink.descriptor.flatMap { $0 > 2 ? $0 : nil } ?? null, 2)
        close(null)
    }

    private func metricsServer(_ registry: PrometheusRegistry) throws(Failure) -> MetricsServer? {
        guard plan.settings.flag(.webEnabled) == true else { return nil }
        let host = plan.settings.text(.webHost) ?? "127.0.0.1"
        let port = plan.settings.number(.webPort) ?? 49_999
        do {
            return try MetricsServer(host: host, port: UInt16(clamping: port), registry: registry)
        } catch {
            throw Failure(
                "\(error); set \(Property.webPort.key) to a free port, or \(Property.webEnabled.key)=false"
            )
        }
    }

    private func report(_ registry: PrometheusRegistry, _ logger: Logger) {
        for line in registry.text().split(separator: "\n") where !line.hasPrefix("#") && !line.hasSuffix(" 0")
        {
            logger.notice("statistics", metadata: ["series": "\(line)"])
        }
    }

    private func milliseconds(since start: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

/// The thread that gives back what is no longer needed.
enum Housekeeping {
    /// How often it looks.
    static let interval = Duration.seconds(1)

    static func start(_ body: @escaping @Sendable () -> Void) throws(Failure) {
        do {
            try NamedThread.start("housekeeping") {
                while true {
                    sleepThread(for: interval)
                    body()
                }
            }
        } catch {
            throw Failure("\(error)")
        }
    }
}
