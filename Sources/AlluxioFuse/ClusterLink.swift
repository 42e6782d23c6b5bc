import Cluster
import Glibc
import Logging
import Metadata
import Pages
import Settings

/// The workers of a cluster as a link of the chain: who they are, and how they are asked.
///
/// Any thread may use it.
struct ClusterLink: Sendable {
    private let membership: Membership
    private let fleet: WorkerFleet
    /// Nil if whoever mounts may read what the workers may.
    private let rights: ProvenRights?

    /// Prepares to ask the workers that the settings name; asks nobody yet.
    /// - Parameters:
    ///   - settings: Of the cluster.
    ///   - etcd: From the same settings; nil for a list of workers.
    /// - Throws: A ``Failure`` that names the setting.
    init(_ settings: Settings, etcd: EtcdClient?) throws(Failure) {
        membership = try settings.membership(etcd: etcd)
        rights = settings.flag(.provesRights) == true ? ProvenRights() : nil
        var options = settings.clusterOptions
        if settings.text(.replicaChoice) == "CLIENT_FIXED" {
            options.replicaChoice = .byReader(Self.reader)
        }
        fleet = WorkerFleet(
            directory: membership,
            options: options,
            logger: Logger(label: "cluster")
        )
    }

    /// A number of this process: different on every host and for every mount, most likely.
    private static var reader: UInt64 { UInt64.random(in: 0 ... .max) }

    /// The links to put before each store.
    var links: StoreLinks {
        let (fleet, rights) = (fleet, rights)
        return StoreLinks(
            names: { store in
                let workers = ClusterMetadata(fleet: fleet, next: store)
                return rights?.names(workers, store: store) ?? workers
            },
            bytes: { store in
                let workers = ClusterSource(fleet: fleet, next: store, store: store)
                return rights?.bytes(workers, store: store) ?? workers
            }
        )
    }

    /// What tells the workers of this mount's changes.
    /// - Parameter settings: Of the mount: whether what is written is cached.
    /// - Returns: For ``TellingStore``.
    func news(of settings: Settings) -> ChangeNews {
        ChangeNews(fleet: fleet, warms: settings.text(.writeType) != "THROUGH")
    }

    /// Begins to follow who the workers are.
    ///
    /// They are waited for shortly, so that the first reads go to them already; if etcd does not answer, all
    /// reads go to the store until it does.
    /// - Throws: A ``Failure`` if the system refuses a thread.
    func start() throws(Failure) {
        do throws(MembershipError) {
            try membership.start()
        } catch {
            throw Failure(error.description)
        }
        _ = membership.waitForFirstView(atMost: .seconds(1))
    }

    /// Closes what is idle; to be called every few seconds.
    func housekeep() { fleet.housekeep() }
}
