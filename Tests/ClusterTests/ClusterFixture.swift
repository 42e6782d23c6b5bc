import Cluster
import Glibc
import Logging
import Synchronization
import Testing
import TestServers

/// What the tests with a real etcd share.
enum ClusterFixture {
    private static let serial = Atomic(0)

    /// The keys of a cluster that no other test has.
    static func freshKeys() throws -> ClusterKeys {
        try ClusterKeys(cluster: "test-\(getpid())-\(serial.add(1, ordering: .relaxed).newValue)")
    }

    /// A client that does not wait long.
    static func client(
        _ server: EtcdServer,
        _ change: (inout EtcdOptions) -> Void = { _ in }
    ) throws -> EtcdClient {
        var options = EtcdOptions(endpoints: [server.endpoint])
        options.firstBackoff = .milliseconds(50)
        options.backoffMaximum = .milliseconds(200)
        change(&options)
        return try EtcdClient(options: options)
    }

    /// A worker with a random identity.
    static func record(_ host: String, capacityBytes: Int64? = nil) throws -> WorkerRecord {
        let identifier = (0..<16).map { _ in UInt8.random(in: 0...255) }
        let identity = try WorkerIdentity(version: 1, identifier: identifier)
        return WorkerRecord(
            identity: identity,
            address: WorkerAddress(host: host),
            capacityBytes: capacityBytes
        )
    }

    /// A registration whose lease lives 2 s, looked after often.
    static func registration(
        _ client: EtcdClient,
        _ keys: ClusterKeys,
        _ record: WorkerRecord,
        _ change: (inout WorkerRegistrationOptions) -> Void = { _ in }
    ) -> WorkerRegistration {
        var options = WorkerRegistrationOptions(keys: keys, record: record)
        options.timeToLive = .seconds(2)
        options.checkInterval = .milliseconds(200)
        change(&options)
        return WorkerRegistration(client: client, options: options)
    }

    /// Waits until something holds.
    /// - Returns: Whether it did within the limit.
    static func eventually(_ limit: Duration = .seconds(10), _ condition: () throws -> Bool) rethrows -> Bool
    {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try condition() { return true }
            usleep(20_000)
        }
        return try condition()
    }
}

/// Collects log lines.
final class LogLines: Sendable {
    private let lines = Mutex<[(level: Logger.Level, message: String)]>([])

    /// A logger that writes here.
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    /// How many lines of a level have a text.
    func count(_ level: Logger.Level, _ text: String) -> Int {
        lines.withLock { $0.count { $0.level == level && $0.message.contains(text) } }
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append((event.level, "\(event.message)")) }
        }
    }
}
