import Cluster
import Glibc
import Servers
import Settings

/// A worker that is asked for, with every setting read and checked that needs no network.
struct WorkerPlan: Sendable {
    /// Where cached data lies, each with the most bytes it may hold.
    enum Storage: Equatable, Sendable {
        case directories([(path: String, bytesMaximum: Int64)])
        case memory(bytesMaximum: Int64)

        static func == (left: Storage, right: Storage) -> Bool {
            switch (left, right) {
            case (.memory(let one), .memory(let other)): one == other
            case (.directories(let some), .directories(let others)):
                some.count == others.count && zip(some, others).allSatisfy { $0 == $1 }
            default: false
            }
        }
    }

    /// All settings.
    let settings: Settings
    /// The variables of the process.
    let environment: [String: String]
    /// The name that others reach it at.
    let host: String
    /// Where cached data lies.
    let storage: Storage
    /// The most memory for data, listings and bodies together, in bytes.
    let memoryBytes: Int
    /// How long answers under way may take when it ends.
    let stopTimeout: Duration
    /// Whether it registers in etcd; if not, clients have it in a list.
    let registers: Bool
    /// The one store, where there is no mount table.
    let root: MountEntry?

    /// Reads the settings.
    /// - Throws: A ``Failure`` that names the setting.
    init(settings: Settings, environment: [String: String]) throws(Failure) {
        self.settings = settings
        self.environment = environment
        guard settings.flag(.workerServes) ?? true else {
            throw .usage("\(Property.workerServes.key)=false: a worker without it serves nobody; remove it")
        }
        host = try settings.workerHost()
        memoryBytes = settings.number(.workerMemory) ?? 256 << 20
        stopTimeout = settings.duration(.workerStopTimeout) ?? .seconds(10)
        let kind = try settings.membershipKind()
        registers = settings.hasEtcd && kind != .list
        root = try Self.root(settings)
        guard settings.isSet(.workerPageDirectories) else {
            // A quarter is for listings, an eighth for bodies, an eighth for reads that the cache can't take.
            storage = .memory(bytesMaximum: Int64(memoryBytes / 2))
            return
        }
        storage = .directories(try settings.workerPageDirectories())
    }

    private static func root(_ settings: Settings) throws(Failure) -> MountEntry? {
        if try settings.mountTablePlace() != nil { return nil }
        guard let text = settings.text(.storeRoot) else {
            throw .usage("\(Settings.mountTableRemedy), or one store as \(Property.storeRoot.key)")
        }
        let address = try UFSAddress(text)
        let name: Substring =
            switch address {
            case .s3(_, let bucket, _): bucket[...]
            case .file(let path): path.split(separator: "/").last ?? "local"
            }
        do throws(MountTableError) {
            return try MountEntry(path: "/\(name)", ufs: address.description)
        } catch {
            throw .usage("\(Property.storeRoot.key): \(error)")
        }
    }

    /// The most bytes that it can cache.
    var capacityBytes: Int64 {
        switch storage {
        case .memory(let bytes): bytes
        case .directories(let directories): directories.reduce(0) { $0 + $1.bytesMaximum }
        }
    }

    /// A file of more than this part of the cache is not read before somebody asks for it: it would push out
    /// too much that somebody did ask for.
    private static let warmedFileShare: Int64 = 4

    /// Whether clients may change the stores.
    var changesStores: Bool { settings.flag(.workerChanges) ?? false }

    /// Where files lie that clients send, and the journals of changes.
    var stagingDirectory: String {
        if let path = settings.text(.workerStagingDirectory) { return path }
        if case .directories(let directories) = storage, let first = directories.first {
            return "\(first.path)/staging"
        }
        return "/var/tmp/alluxio-worker-\(geteuid())"
    }

    /// What its servers are told.
    /// - Parameter metricsText: Gives the text of `/metrics`.
    /// - Returns: Their options.
    func serverOptions(metricsText: @escaping @Sendable () -> [UInt8]) -> WorkerOptions {
        var options = WorkerOptions()
        options.http.host = settings.text(.workerBindHost) ?? options.http.host
        options.http.port = settings.number(.workerPort) ?? 28_080
        options.http.bodyBytesMaximum = min(options.http.bodyBytesMaximum, memoryBytes / 8)
        options.arrayNodePort = settings.number(.workerArrayNodePort)
        options.token = settings.text(.clusterToken)
        // The token does not guard the S3 port, so a worker with one opens it only when it is told to.
        if settings.flag(.workerS3Enabled) ?? (options.token == nil) {
            options.s3Port = settings.number(.workerS3Port)
        }
        options.foreignFiles = settings.flag(.workerS3Redirects) == true ? .redirect : .proxy
        options.advertisedHost = host
        options.pageBytes = settings.number(.workerPageSize) ?? options.pageBytes
        options.syncInterval = settings.syncInterval
        options.listingBytesMaximum = memoryBytes / 4
        if let total = settings.duration(.totalTimeout) { options.http.answerTimeout = total + .seconds(30) }
        options.stagingDirectory = stagingDirectory
        options.stagingBytesMaximum = Int64(settings.number(.workerStagingSize) ?? 16 << 30)
        options.warmedFileBytesMaximum = capacityBytes / Self.warmedFileShare
        options.version = Version.text
        options.metricsText = metricsText
        return options
    }

    /// What etcd is told.
    /// - Parameters:
    ///   - identity: Who the worker is.
    ///   - ports: What it listens at.
    /// - Returns: The record, the same for the same settings and ports.
    func record(_ identity: WorkerIdentity, _ ports: WorkerServer.Ports) -> WorkerRecord {
        var address = Cluster.WorkerAddress(host: host)
        address.rpcPort = settings.number(.workerRPCPort) ?? address.rpcPort
        // Old clients ask the registered port for `/v1/node`, and want an array.
        address.httpServerPort = ports.arrayNode ?? ports.http
        // Nothing of ours listens at these.
        address.dataPort = 0
        address.nettyDataPort = 0
        address.webPort = 0
        var record = WorkerRecord(identity: identity, address: address, capacityBytes: capacityBytes)
        record.s3Port = ports.s3
        return record
    }
}
