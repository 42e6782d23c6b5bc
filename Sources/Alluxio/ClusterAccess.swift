import Cluster
import Settings

/// A live cluster as one command sees it: asked once, within a time that a person waits.
///
/// Used by one thread.
struct ClusterAccess {
    /// How long the members of etcd may take in all before a command gives up.
    static let patience = Duration.seconds(3)

    private let settings: Settings
    private let etcd: EtcdClient?

    /// Prepares to ask; nothing is sent yet.
    /// - Throws: A ``Failure`` that names a setting.
    init(_ settings: Settings) throws(Failure) {
        self.settings = settings
        guard var options = try settings.etcdOptions() else {
            etcd = nil
            return
        }
        options.operationTimeout = Self.patience / max(1, options.endpoints.count)
        options.connectTimeout = min(options.connectTimeout, options.operationTimeout)
        options.triesMaximum = 1
        do throws(EtcdError) {
            etcd = try EtcdClient(options: options)
        } catch {
            throw .usage(error.description)
        }
    }

    /// etcd, for what can be done there alone.
    /// - Throws: A usage ``Failure`` if it is not set.
    private func client() throws(Failure) -> EtcdClient {
        guard let etcd else {
            throw .usage("etcd is not set; set \(Property.etcdEndpoints.key), for example with -D")
        }
        return etcd
    }

    /// Every worker, in ascending order of names.
    /// - Returns: Live ones, and registered ones that are lost.
    /// - Throws: A ``Failure`` that names etcd or the list.
    func members() throws(Failure) -> [ClusterMember] {
        let kind = try settings.membershipKind()
        if kind == .list { return try settings.listedWorkers().members }
        let (client, keys) = (try client(), try settings.clusterKeys())
        do throws(EtcdError) {
            return try client.members(of: keys, kind: kind)
        } catch {
            throw Failure(error.description)
        }
    }

    /// The workers and their ring as all clients of the cluster see them.
    /// - Parameter virtualNodes: Another number of virtual nodes than the settings'; nil for theirs.
    /// - Returns: Both at one moment.
    /// - Throws: A ``Failure`` also if the ring cannot be made as configured.
    func view(virtualNodes: Int? = nil) throws(Failure) -> ClusterView {
        var ring = try settings.ringSettings()
        if let virtualNodes { ring.virtualNodes = virtualNodes }
        let view = ClusterView(after: .unknown, members: try members(), settings: ring)
        if let problem = view.ringProblem { throw Failure("\(problem)") }
        return view
    }

    /// The mount table.
    /// - Returns: What is mounted now.
    /// - Throws: A ``Failure`` that names etcd or the file.
    func mountTable() throws(Failure) -> MountTable {
        switch try settings.mountTablePlace() {
        case .file: try settings.mountTableFeed(etcd: nil).table
        case .etcd: try inMountTable { store throws(MountTableError) in try store.table() }
        case nil: throw .usage(Settings.mountTableRemedy)
        }
    }

    /// Mounts a store.
    /// - Parameter mount: What and where.
    /// - Throws: A ``Failure`` that says why it can't be there.
    func add(_ mount: MountEntry) throws(Failure) {
        try refuseFile()
        try inMountTable { store throws(MountTableError) in try store.add(mount) }
    }

    /// Takes a mount away.
    /// - Parameter path: Where it is mounted.
    /// - Throws: A ``Failure`` also if nothing is mounted there.
    func remove(mountAt path: String) throws(Failure) {
        try refuseFile()
        try inMountTable { store throws(MountTableError) in try store.remove(path: path) }
    }

    private func refuseFile() throws(Failure) {
        if case .file(let file) = try settings.mountTablePlace() {
            throw .usage("the mount table is the file '\(file)'; edit it, and all see the change")
        }
    }

    private func inMountTable<Value>(
        _ body: (MountTableStore) throws(MountTableError) -> Value
    ) throws(Failure) -> Value {
        let store = MountTableStore(client: try client(), keys: try settings.clusterKeys())
        do throws(MountTableError) {
            return try body(store)
        } catch {
            throw Failure(error.description)
        }
    }

    /// Takes a worker out of the cluster for good.
    /// - Parameter worker: Who.
    /// - Throws: A ``Failure`` if it is alive, or no member.
    func remove(_ worker: WorkerIdentity) throws(Failure) {
        let (client, keys) = (try client(), try settings.clusterKeys())
        let removal: WorkerRemoval
        do throws(MembershipError) {
            removal = try client.remove(worker, from: keys)
        } catch {
            throw Failure(error.description)
        }
        guard removal == .removed else {
            throw Failure("\(worker) is no member of cluster \(keys.cluster); see 'alluxio info nodes'")
        }
    }
}
