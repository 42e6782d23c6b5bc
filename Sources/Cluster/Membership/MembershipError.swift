/// Why there is no membership; the description names the setting and the remedy.
public enum MembershipError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A setting can't be used.
    case invalid(String)
    /// A file can't be read or written.
    case file(String)
    /// Another worker is registered with the same identity: what is registered, as text.
    case identityTaken(worker: WorkerIdentity, by: String)
    /// A worker that is alive can't be removed.
    case workerIsLive(WorkerIdentity)
    /// etcd did not do what was asked.
    case etcd(EtcdError)
    /// The system refuses another thread.
    case noThread

    /// One line: what is wrong, and what to do.
    public var description: String {
        switch self {
        case .invalid(let text), .file(let text): text
        case .identityTaken(let worker, let other):
            "some other member with same id: \(worker) is registered at \(other); give this worker another"
                + " identity (alluxio.worker.identity.uuid.file.path), or, if the other one is gone for good,"
                + " run 'alluxio process remove-worker' for it first"
        case .workerIsLive(let worker):
            "\(worker) is alive; stop it first, and wait until its lease has ended"
        case .etcd(let error): error.description
        case .noThread: "the system refuses another thread; raise the limit of processes (ulimit -u)"
        }
    }
}

/// Where the list of workers comes from: `alluxio.worker.membership.manager.type`.
public enum MembershipKind: Hashable, Sendable {
    /// `ETCD`: registered and live workers.
    case etcd
    /// `SERVICE_REGISTRY`: live workers in etcd only; nobody is registered for longer.
    case serviceRegistry
    /// `STATIC`: a list of host names.
    case list

    /// The kind with a name.
    /// - Parameter name: As properties have it, of either case.
    /// - Throws: ``MembershipError/invalid(_:)`` for `MASTER`, which this program does not speak, and for
    ///   names that nobody knows.
    public init(name: String) throws(MembershipError) {
        let property = "alluxio.worker.membership.manager.type"
        switch name.uppercased() {
        case "ETCD": self = .etcd
        case "SERVICE_REGISTRY": self = .serviceRegistry
        case "STATIC": self = .list
        case "MASTER":
            throw .invalid(
                "\(property)=MASTER needs an Alluxio master, which is not spoken here; set ETCD and"
                    + " alluxio.etcd.endpoints in all clients and workers, or STATIC with a list of workers"
            )
        default:
            throw .invalid("\(property)=\(name) is not known; set ETCD, STATIC or SERVICE_REGISTRY")
        }
    }
}
