package import Cluster
import Logging

/// The settings of a cluster as the parts of the target Cluster want them.
extension Settings {
    /// Whether workers are to be used: etcd or a list of workers is set.
    package var hasCluster: Bool { hasEtcd || hasWorkerList }

    /// Whether etcd is set.
    package var hasEtcd: Bool { text(.etcdEndpoints) != nil }

    private var hasWorkerList: Bool { text(.workerList) != nil || text(.workerListFile) != nil }

    /// How etcd is spoken to.
    /// - Returns: nil if no endpoint is set.
    /// - Throws: A ``Failure`` that names the setting.
    package func etcdOptions() throws(Failure) -> EtcdOptions? {
        guard let endpoints = text(.etcdEndpoints) else { return nil }
        let usesTLS = flag(.etcdUsesTLS) ?? false
        var options = EtcdOptions(endpoints: [])
        for word in endpoints.split(separator: ",").map(\.trimmingBlanks) where !word.isEmpty {
            options.endpoints.append(try Self.endpoint(word, usesTLS: usesTLS))
        }
        switch (text(.etcdUsername), text(.etcdPassword)) {
        case (let username?, let password?):
            options.login = EtcdOptions.Login(username: username, password: password)
        case (nil, nil): break
        case (let username, _):
            let (has, lacks) =
                username == nil
                ? (Property.etcdPassword, Property.etcdUsername)
                : (.etcdUsername, .etcdPassword)
            throw .usage("there is \(has.key) without \(lacks.key); set both, or neither")
        }
        options.certificateAuthorityFile = text(.etcdAuthorityFile)
        options.clientCertificateFile = text(.etcdCertificateFile)
        options.clientKeyFile = text(.etcdKeyFile)
        options.verifiesPeer = flag(.etcdVerifiesPeer) ?? true
        return options
    }

    private static func endpoint(_ word: String, usesTLS: Bool) throws(Failure) -> String {
        guard usesTLS else { return word }
        guard !word.lowercased().hasPrefix("http://") else {
            throw .usage(
                "\(Property.etcdEndpoints.key) has \(word) although \(Property.etcdUsesTLS.key)=true;"
                    + " write https:// there"
            )
        }
        return word.range(of: "://") == nil ? "https://\(word)" : word
    }

    /// A client of etcd; nothing is sent yet.
    /// - Returns: nil if no endpoint is set.
    /// - Throws: A ``Failure`` that names the setting.
    package func etcdClient() throws(Failure) -> EtcdClient? {
        guard let options = try etcdOptions() else { return nil }
        do throws(EtcdError) {
            return try EtcdClient(options: options)
        } catch {
            throw .usage(error.description)
        }
    }

    /// The keys of the cluster in etcd.
    /// - Throws: A ``Failure`` if the cluster's name can't be one.
    package func clusterKeys() throws(Failure) -> ClusterKeys {
        do throws(MembershipError) {
            return try ClusterKeys(cluster: text(.clusterName) ?? ClusterKeys.defaultCluster)
        } catch {
            throw .usage(error.description)
        }
    }

    /// How the ring is made.
    /// - Throws: A ``Failure`` for a policy or provider that is not supported; it says what to set.
    package func ringSettings() throws(Failure) -> RingSettings {
        var ring = RingSettings()
        do throws(RingSettingError) {
            if let name = text(.selectionPolicy) { _ = try SelectionPolicy(name: name) }
            if let name = text(.virtualNodeProvider) { ring.provider = try VirtualNodeProvider(name: name) }
        } catch {
            throw .usage(error.description)
        }
        if let count = number(.virtualNodes) { ring.virtualNodes = count }
        ring.isDynamic = flag(.dynamicRing) ?? true
        return ring
    }

    /// How files are spread over workers.
    package var virtualBlocks: VirtualBlocks {
        VirtualBlocks(sizeBytes: Int64(number(.virtualBlockSize) ?? 0))
    }

    /// For how long an answer is trusted: with workers for half of the sync interval, since a worker's answer
    /// may be as old already; nil: for ever.
    package var trustInterval: Duration? {
        guard let interval = syncInterval, hasCluster else { return syncInterval }
        return interval / 2
    }

    /// How workers are asked, but for which replica is asked first.
    package var clusterOptions: ClusterOptions {
        var options = ClusterOptions()
        options.replicas = max(1, number(.replicas) ?? 1)
        options.virtualBlocks = virtualBlocks
        switch text(.foreignWorkers) {
        case "trust": options.foreignWorkers = .trust
        case "off": options.foreignWorkers = .off
        default: options.foreignWorkers = .verify
        }
        options.cacheIsPersistent = cacheDirectory != nil
        options.fallsBackToStore = flag(.fallsBackToStore) ?? true
        // Negative is for ever.
        options.metadataAge = trustInterval ?? .seconds(-1)
        options.token = text(.clusterToken)
        return options
    }

    /// Where the list of workers comes from.
    /// - Throws: A ``Failure`` for a kind that is not supported; it says what to set.
    package func membershipKind() throws(Failure) -> MembershipKind {
        guard let name = text(.membershipKind) else { return hasWorkerList && !hasEtcd ? .list : .etcd }
        do throws(MembershipError) {
            return try MembershipKind(name: name)
        } catch {
            throw .usage(error.description)
        }
    }

    /// How the list of workers is followed.
    /// - Throws: As ``ringSettings()``.
    package func membershipOptions() throws(Failure) -> MembershipOptions {
        var options = MembershipOptions()
        options.ring = try ringSettings()
        if let interval = duration(.workerListInterval) { options.refreshInterval = interval }
        return options
    }

    /// The list of workers of `STATIC`.
    /// - Throws: A ``Failure`` if there is none, or it can't be read.
    package func listedWorkers() throws(Failure) -> WorkerList {
        do throws(MembershipError) {
            if let list = text(.workerList) { return try WorkerList(list) }
            if let file = text(.workerListFile) { return try WorkerList(file: file) }
        } catch {
            throw .usage(error.description)
        }
        throw .usage(
            "\(Property.membershipKind.key)=STATIC needs a list of workers; set \(Property.workerList.key)"
                + " or \(Property.workerListFile.key)"
        )
    }

    /// Who the workers are; not started yet.
    /// - Parameter etcd: From ``etcdClient()``.
    /// - Returns: The workers.
    /// - Throws: A ``Failure`` that names the setting, also if workers are to be in etcd and none is set.
    package func membership(etcd: EtcdClient?) throws(Failure) -> Membership {
        let kind = try membershipKind()
        let options = try membershipOptions()
        let logger = Logger(label: "membership")
        guard kind != .list else {
            return Membership(list: try listedWorkers(), ring: options.ring, logger: logger)
        }
        guard let etcd else {
            throw .usage(
                "workers are to be known from etcd, and none is set; set \(Property.etcdEndpoints.key), or"
                    + " \(Property.membershipKind.key)=STATIC with \(Property.workerList.key)"
            )
        }
        let keys = try clusterKeys()
        do throws(MembershipError) {
            return try Membership(
                client: etcd,
                keys: keys,
                kind: kind,
                options: options,
                logger: logger
            )
        } catch {
            throw .usage(error.description)
        }
    }
}
