/// The mount table of a cluster in etcd, for those who change it.
///
/// Any thread may call it; every call waits on the caller's thread as those of ``EtcdClient`` do.
public struct MountTableStore: Sendable {
    /// How often a change starts again because somebody else changed the table meanwhile.
    static let roundsMaximum = 20

    private let client: EtcdClient
    private let prefix: String

    /// The table of a cluster.
    /// - Parameters:
    ///   - client: The etcd.
    ///   - keys: The cluster.
    public init(client: EtcdClient, keys: ClusterKeys) {
        self.client = client
        prefix = keys.mountPrefix
    }

    /// The whole table.
    /// - Returns: What is mounted; entries that are not understood are left out.
    /// - Throws: ``MountTableError/etcd(_:)``.
    public func table() throws(MountTableError) -> MountTable {
        MountDocuments(try read().entries, prefix: prefix).table
    }

    /// Mounts a store.
    ///
    /// Of several who add mounts that can't be there together, exactly one succeeds.
    /// - Parameter entry: What and where.
    /// - Throws: ``MountTableError/refused(_:)`` if it can't be there beside the others;
    ///   ``MountTableError/busy``; ``MountTableError/etcd(_:)``.
    public func add(_ entry: MountEntry) throws(MountTableError) {
        let key = prefix + entry.name
        let value = MountDocument(entry).json
        for _ in 0..<Self.roundsMaximum {
            let snapshot = try read()
            // An earlier try of ours may have been carried out although its answer was lost.
            if snapshot.entries.contains(where: { $0.key == key && $0.value == value }) { return }
            _ = try MountDocuments(snapshot.entries, prefix: prefix).table.adding(entry)
            let outcome = try commit(
                EtcdTransaction(
                    if: [.absent(key), .nothingPut(prefix: prefix, after: snapshot.revision)],
                    then: [.put(key: key, value: value, lease: 0)],
                    otherwise: [.get(.key(key))]
                )
            )
            if outcome.succeeded { return }
            if let found = outcome.reads.first?.first, found.value == value { return }
            if let found = outcome.reads.first?.first, MountDocument(json: found.value) == nil {
                throw .refused("\(entry.path) has an entry in etcd that is not understood; remove it first")
            }
        }
        throw .busy
    }

    /// Takes a mount away; the store itself stays as it is.
    /// - Parameter path: Where it is mounted: `/name`.
    /// - Throws: ``MountTableError/notMounted(path:)``; ``MountTableError/etcd(_:)``.
    public func remove(path: String) throws(MountTableError) {
        let name = path.hasPrefix("/") ? path.dropFirst() : path[...]
        let trimmed = name.hasSuffix("/") ? name.dropLast() : name
        guard !trimmed.isEmpty, !trimmed.contains("/") else { throw .notMounted(path: path) }
        let key = prefix + trimmed
        let count: Int
        do throws(EtcdError) {
            count = try client.delete(.key(key))
        } catch {
            throw .etcd(error)
        }
        guard count > 0 else { throw .notMounted(path: path) }
    }

    private func read() throws(MountTableError) -> EtcdSnapshot {
        do throws(EtcdError) {
            return try client.read(.prefix(prefix))
        } catch {
            throw .etcd(error)
        }
    }

    private func commit(_ transaction: EtcdTransaction) throws(MountTableError) -> EtcdOutcome {
        do throws(EtcdError) {
            return try client.commit(transaction)
        } catch {
            throw .etcd(error)
        }
    }
}
