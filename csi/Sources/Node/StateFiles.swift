import CMounts
import FoundationEssentials
import Glibc
package import Volumes
import SmallFiles
import Synchronization

/// State of the node on its tmpfs: gone after a reboot, there after a restart of the plugin.
///
/// Every file is replaced whole, so that a reader sees the old or the new one. Volumes are the plugin's
/// alone, so that their files are read once; a daemon's are its keeper's too. Any thread may call; writers
/// of one file take turns by the lock of its volume.
package struct StateFiles: Sendable {
    /// Where things are.
    package let places: NodePlaces

    /// The volumes of the node by their ids, as the files say.
    private let volumes = KnownRecords()

    private static let fileBytesMaximum = 1 << 20

    /// Prepares the directory: mounts a tmpfs there if there is none.
    /// - Throws: A ``VolumeError`` that names the directory.
    package init(places: NodePlaces) throws(VolumeError) {
        self.places = places
        try Self.makeDirectory(places.mounts)
        try Self.makeDirectory(places.run)
        if MountInfoTable.current().top(at: places.run)?.type != "tmpfs" {
            let outcome = csi_mount_memory(places.run)
            guard outcome == 0 else {
                throw Self.failure("cannot mount a tmpfs on '\(places.run)'", -outcome)
            }
        }
        try makeDirectories()
    }

    /// Prepares the directory where it is, for tests of what needs no tmpfs.
    init(directories places: NodePlaces) throws(VolumeError) {
        self.places = places
        try Self.makeDirectory(places.mounts)
        try Self.makeDirectory(places.run)
        try makeDirectories()
    }

    private func makeDirectories() throws(VolumeError) {
        for directory in [places.daemons, places.volumes] { try Self.makeDirectory(directory) }
    }

    // MARK: Volumes

    /// What the node has of a volume; a new record if nothing.
    package func record(of id: String) -> VolumeRecord {
        volumes.use(readRecords) { $0[id] } ?? VolumeRecord(id: id)
    }

    /// All volumes of the node.
    package func records() -> [VolumeRecord] { volumes.use(readRecords) { Array($0.values) } }

    private func readRecords() -> [String: VolumeRecord] {
        let records = DirectoryNames.read(places.volumes).compactMap { name in
            name.hasSuffix(".json") ? decoded(VolumeRecord.self, "\(places.volumes)/\(name)") : nil
        }
        return Dictionary(records.map { ($0.id, $0) }) { $1 }
    }

    /// Keeps a record, or forgets it if it is empty.
    package func keep(_ record: VolumeRecord) throws(VolumeError) {
        let path = "\(places.volumes)/\(VolumeRecord.fileName(of: record.id))"
        if record.isEmpty { unlink(path) } else { try write(record, to: path) }
        volumes.use(readRecords) { $0[record.id] = record.isEmpty ? nil : record }
    }

    // MARK: Daemons

    /// The keys of all daemons.
    package func keys() -> [String] { DirectoryNames.read(places.daemons) }

    /// What a daemon mounts; nil if nobody wants it.
    package func specification(of key: String) -> DaemonSpecification? {
        decoded(DaemonSpecification.self, file(key, DaemonFile.specification))
    }

    /// What a daemon's keeper says of it.
    package func status(of key: String) -> DaemonStatus? {
        decoded(DaemonStatus.self, file(key, DaemonFile.status))
    }

    /// Says what a daemon mounts, and with which secrets.
    package func keep(
        _ specification: DaemonSpecification,
        identity: Identity,
        properties: String
    ) throws(VolumeError) {
        let key = specification.key
        try Self.makeDirectory(places.daemonDirectory(key))
        try Self.replace(file(key, DaemonFile.properties), Array(properties.utf8))
        try keepSecrets(of: identity, key)
        try write(specification, to: file(key, DaemonFile.specification))
    }

    /// Gives a daemon new credentials of the same identity.
    package func keepSecrets(of identity: Identity, _ key: String) throws(VolumeError) {
        switch identity {
        case .driver: break
        case .secret(let secret):
            try Self.replace(file(key, DaemonFile.credentials), Array(secret.credentialsFile.utf8))
        case .serviceAccount(let account):
            try Self.replace(file(key, DaemonFile.token), Array(account.token.utf8))
        }
    }

    /// Says what a keeper's daemon does.
    package func keep(_ status: DaemonStatus, of key: String) throws(VolumeError) {
        try write(status, to: file(key, DaemonFile.status))
    }

    /// Says that nobody wants a daemon.
    package func unwant(_ key: String) { unlink(file(key, DaemonFile.specification)) }

    /// Forgets a daemon that has ended.
    package func forget(_ key: String) {
        let directory = places.daemonDirectory(key)
        for name in DirectoryNames.read(directory) { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    /// A file of a daemon.
    package func file(_ key: String, _ name: String) -> String { "\(places.daemonDirectory(key))/\(name)" }

    // MARK: Clusters

    /// The properties of a cluster as they were read last; nil: never.
    package func properties(namespace: String, cluster: String) -> String? {
        Self.read(clusterFile(namespace, cluster)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Keeps the properties of a cluster for when nobody can be asked.
    package func keep(properties: String, namespace: String, cluster: String) throws(VolumeError) {
        try Self.replace(clusterFile(namespace, cluster), Array(properties.utf8))
    }

    private func clusterFile(_ namespace: String, _ cluster: String) -> String {
        "\(places.run)/cluster-\(namespace).\(cluster).properties"
    }

    // MARK: Files

    private func decoded<Value: Decodable>(_ type: Value.Type, _ path: String) -> Value? {
        guard let bytes = Self.read(path) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }

    private func write(_ value: some Encodable, to path: String) throws(VolumeError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            throw VolumeError(.internal, "'\(path)' cannot be written: its contents have no JSON form")
        }
        try Self.replace(path, Array(data))
    }

    private static func read(_ path: String) -> [UInt8]? {
        try? SmallFile.read(path, atMostBytes: fileBytesMaximum)
    }

    /// Replaces a file that only root may read.
    private static func replace(_ path: String, _ bytes: [UInt8]) throws(VolumeError) {
        let temporary = "\(path).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("cannot write '\(path)'", errno) }
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        let code = errno
        close(descriptor)
        guard count == bytes.count else { throw failure("cannot write '\(path)'", count < 0 ? code : ENOSPC) }
        guard rename(temporary, path) == 0 else { throw failure("cannot write '\(path)'", errno) }
    }

    private static func makeDirectory(_ path: String) throws(VolumeError) {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        throw failure("cannot make '\(path)'", errno)
    }

    private static func failure(_ what: String, _ code: Int32) -> VolumeError {
        VolumeError(.internal, "\(what): \(text(of: code)); the plugin needs to run privileged, as root")
    }
}

/// What the files of volumes say, from the first question on.
private final class KnownRecords: Sendable {
    private let records = Mutex<[String: VolumeRecord]?>(nil)

    /// Runs `body` on the records, which `read` reads the first time.
    func use<Answer: Sendable>(
        _ read: () -> [String: VolumeRecord],
        _ body: (inout [String: VolumeRecord]) -> Answer
    ) -> Answer {
        records.withLock { records in
            var known = records ?? read()
            defer { records = known }
            return body(&known)
        }
    }
}

extension MountInfoTable {
    private static let bytesMaximum = 64 << 20

    /// The mounts of a process's namespace now; none if it is gone.
    package static func current(of process: String = "self") -> MountInfoTable {
        let bytes = try? SmallFile.read("/proc/\(process)/mountinfo", atMostBytes: bytesMaximum)
        return MountInfoTable(String(decoding: bytes ?? [], as: UTF8.self))
    }
}
