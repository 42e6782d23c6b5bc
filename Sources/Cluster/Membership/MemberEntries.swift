/// What the entries of etcd say about the workers of a cluster; a plain value without I/O.
struct MemberEntries {
    /// The workers, each once, in ascending order of names.
    private(set) var members: [ClusterMember] = []
    /// Keys whose value is no worker.
    private(set) var invalidKeys: [String] = []

    /// Sorts entries.
    /// - Parameters:
    ///   - entries: In ascending order of keys; where two name one worker, the last one counts.
    ///   - keys: The keys of the cluster.
    init(_ entries: [EtcdEntry], keys: ClusterKeys) {
        var live: [WorkerIdentity: WorkerRecord] = [:]
        var registered: [WorkerIdentity: WorkerRecord] = [:]
        for entry in entries {
            guard let record = WorkerRecord(json: entry.value) else {
                invalidKeys.append(entry.key)
                continue
            }
            if entry.key.hasPrefix(keys.livePrefix) {
                live[record.identity] = record
            } else if entry.key.hasPrefix(keys.registeredPrefix) {
                registered[record.identity] = record
            }
        }
        for (identity, record) in live {
            let isRegistered = registered[identity] != nil
            members.append(ClusterMember(record: record, state: .live, isRegistered: isRegistered))
        }
        for (identity, record) in registered where live[identity] == nil {
            members.append(ClusterMember(record: record, state: .lost, isRegistered: true))
        }
        members.sort { $0.identity < $1.identity }
    }
}
