package import Cluster
import Logging

/// Where the mount table is kept.
package enum MountTablePlace: Equatable, Sendable {
    /// In etcd, under the cluster's name.
    case etcd
    /// In a file.
    case file(String)
}

extension Settings {
    /// Where the mount table is kept.
    /// - Returns: nil if neither etcd nor a file is set.
    /// - Throws: A ``Failure`` if the source that is asked for is not there.
    package func mountTablePlace() throws(Failure) -> MountTablePlace? {
        let file = text(.mountTableFile)
        switch text(.mountTableSource) {
        case "STATIC_FILE":
            guard let file else {
                throw .usage(
                    "\(Property.mountTableSource.key)=STATIC_FILE needs a file; set"
                        + " \(Property.mountTableFile.key)"
                )
            }
            return .file(file)
        case "ETCD":
            guard hasEtcd else {
                throw .usage(
                    "\(Property.mountTableSource.key)=ETCD needs etcd; set \(Property.etcdEndpoints.key)"
                )
            }
            return .etcd
        default: return file.map { .file($0) } ?? (hasEtcd ? .etcd : nil)
        }
    }

    /// Follows the mount table; not started yet.
    /// - Parameter etcd: From ``etcdClient()``.
    /// - Returns: The table as it changes.
    /// - Throws: A ``Failure`` that names the setting or the line of the file, also if no table is set.
    package func mountTableFeed(etcd: EtcdClient?) throws(Failure) -> MountTableFeed {
        var options = MountTableFeedOptions()
        if let interval = duration(.mountTableInterval) { options.pollInterval = interval }
        let logger = Logger(label: "mount-table")
        switch try mountTablePlace() {
        case .file(let file):
            do throws(MountTableError) {
                return try MountTableFeed(file: file, options: options, logger: logger)
            } catch {
                throw .usage(error.description)
            }
        case .etcd?:
            guard let etcd else { break }
            return MountTableFeed(client: etcd, keys: try clusterKeys(), options: options, logger: logger)
        case nil: break
        }
        throw .usage(Self.mountTableRemedy)
    }

    /// Reads the mount table once, to find out within five seconds whether it can be read.
    /// - Throws: A ``Failure`` that names the members of etcd and the remedy.
    package func checkMountTable() throws(Failure) {
        guard try mountTablePlace() == .etcd, var options = try etcdOptions() else { return }
        let keys = try clusterKeys()
        let share = Self.checkTime / max(1, options.endpoints.count)
        options.triesMaximum = 1
        options.connectTimeout = min(options.connectTimeout, share)
        options.operationTimeout = share
        do throws(MountTableError) {
            _ = try MountTableStore(client: try Self.client(options), keys: keys).table()
        } catch {
            let members = options.endpoints.joined(separator: ", ")
            throw Failure("the mount table in etcd at \(members) can't be read: \(error)")
        }
    }

    /// How long a check of etcd may take, all members together.
    private static let checkTime = Duration.seconds(4)

    private static func client(_ options: EtcdOptions) throws(MountTableError) -> EtcdClient {
        do throws(EtcdError) { return try EtcdClient(options: options) } catch { throw .etcd(error) }
    }

    /// What to do where there is no mount table.
    package static let mountTableRemedy =
        "there is no mount table; set \(Property.etcdEndpoints.key), or \(Property.mountTableFile.key)"
}
