package import Cluster
import Glibc

extension Settings {
    /// The directories that a worker keeps data in, each with the most bytes it may hold.
    /// - Throws: A ``Failure`` for a path that is not absolute or comes twice, or a number of sizes that is
    ///   neither one nor that of the directories.
    package func workerPageDirectories() throws(Failure) -> [(path: String, bytesMaximum: Int64)] {
        let paths = Self.words(text(.workerPageDirectories))
        let name = Property.workerPageDirectories.key
        guard !paths.isEmpty else { throw .usage("\(name) names no directory; give an absolute path") }
        for (index, path) in paths.enumerated() {
            guard path.hasPrefix("/") else { throw .usage("\(name): '\(path)' is not an absolute path") }
            guard !paths[..<index].contains(path) else { throw .usage("\(name): '\(path)' is there twice") }
        }
        var sizes = try Self.words(text(.workerPageSizes)).map(Self.pageStoreSize)
        if sizes.count == 1, let size = sizes.first {
            sizes = Array(repeating: size, count: paths.count)
        }
        guard sizes.count == paths.count else {
            throw .usage(
                "\(Property.workerPageSizes.key) has \(sizes.count) sizes for \(paths.count) directories;"
                    + " give one for each, or one for all"
            )
        }
        return zip(paths, sizes).map { (path: $0, bytesMaximum: $1) }
    }

    private static func words(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map(\.trimmingBlanks).filter { !$0.isEmpty }
    }

    private static func pageStoreSize(_ text: String) throws(Failure) -> Int64 {
        guard let bytes = PropertyKind.byteCount(text), bytes >= 1 << 20 else {
            throw .usage(
                "\(Property.workerPageSizes.key): '\(text)' is no size of 1MB or more, such as 512MB"
            )
        }
        return Int64(bytes)
    }

    /// The name that others reach this worker at.
    /// - Throws: A ``Failure`` if none is set and the system has none either.
    package func workerHost() throws(Failure) -> String {
        if let host = text(.workerHost) { return host }
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0, buffer[0] != 0 else {
            throw .usage("this host has no name; set \(Property.workerHost.key)")
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Where this worker's identity is kept.
    /// - Parameter environment: For `ALLUXIO_CONF_DIR` and `HOME`.
    /// - Returns: The path of the file.
    package func workerIdentityPath(environment: [String: String]) -> String {
        if let path = text(.workerIdentityFile) { return path }
        let named = text(.configurationDirectory) ?? environment["ALLUXIO_CONF_DIR"]
        if let named, !named.isEmpty { return "\(named)/worker_identity" }
        if let home = environment["HOME"], !home.isEmpty { return "\(home)/.alluxio/worker_identity" }
        return "/etc/alluxio/worker_identity"
    }

    /// The worker's identity; made and kept in its file if there is none yet.
    /// - Parameter environment: As for ``workerIdentityPath(environment:)``.
    /// - Returns: The identity.
    /// - Throws: A ``Failure`` that names the file.
    package func workerIdentity(environment: [String: String]) throws(Failure) -> WorkerIdentity {
        do throws(MembershipError) {
            return try IdentityFile.identity(
                uuid: text(.workerIdentity),
                path: workerIdentityPath(environment: environment)
            )
        } catch {
            throw Failure(error.description)
        }
    }

    /// How a worker is registered in etcd.
    /// - Parameter record: What is registered.
    /// - Returns: The settings of the registration.
    /// - Throws: A ``Failure`` that names the setting.
    package func workerRegistration(_ record: WorkerRecord) throws(Failure) -> WorkerRegistrationOptions {
        var options = WorkerRegistrationOptions(keys: try clusterKeys(), record: record)
        if let time = duration(.workerLeaseTime) { options.timeToLive = time }
        options.overwritesOtherAddress = flag(.workerOnKubernetes) ?? false
        options.staysRegistered = try membershipKind() != .serviceRegistry
        return options
    }
}
