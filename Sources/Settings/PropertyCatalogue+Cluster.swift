extension Property {
    package static let clusterName = Property(
        "alluxio.cluster.name",
        .text,
        default: "DefaultAlluxioCluster",
        "Name of the cluster: the part of etcd's keys that tells clusters apart."
    )

    private static let etcdSettings: [Property] = [
        etcdEndpoints, etcdUsername, etcdPassword, etcdUsesTLS, etcdAuthorityFile, etcdCertificateFile,
        etcdKeyFile, etcdVerifiesPeer,
    ]

    package static let etcdEndpoints = Property(
        "alluxio.etcd.endpoints",
        .text,
        "Members of etcd, as `http://host:2379` with commas between; where workers and mounts are kept."
    )
    package static let etcdUsername = Property(
        "alluxio.etcd.username",
        .text,
        "User of etcd. Needs the password too."
    )
    package static let etcdPassword = Property(
        "alluxio.etcd.password",
        .secret,
        "Password of the user of etcd."
    )
    package static let etcdUsesTLS = Property(
        "alluxio.etcd.tls.enabled",
        .flag,
        default: "false",
        "Whether etcd is spoken to over https only: also at endpoints without a scheme."
    )
    package static let etcdAuthorityFile = Property(
        "alluxio.etcd.tls.ca.file",
        .path,
        "PEM file of certificate authorities to trust for etcd instead of the system's."
    )
    package static let etcdCertificateFile = Property(
        "alluxio.etcd.tls.client.certificate.file",
        .path,
        "PEM file of the certificate to show to etcd."
    )
    package static let etcdKeyFile = Property(
        "alluxio.etcd.tls.client.key.file",
        .path,
        "PEM file of that certificate's key, unencrypted; without it, the certificate's file holds it too."
    )
    package static let etcdVerifiesPeer = Property(
        "alluxio.etcd.tls.verify.enabled",
        .flag,
        default: "true",
        "Whether etcd's certificate is checked. Turn it off for a test only."
    )

    private static let membershipSettings: [Property] = [
        membershipKind, workerList, workerListFile, workerListInterval,
    ]

    package static let membershipKind = Property(
        "alluxio.worker.membership.manager.type",
        .text,
        """
        Where the workers are known from: `ETCD`, `SERVICE_REGISTRY` (live ones in etcd only) or `STATIC` (a \
        list). Without it, `STATIC` if there is a list and no etcd, else `ETCD`. `MASTER` is refused.
        """
    )
    package static let workerList = Property(
        "alluxio.worker.static.membership.list",
        .text,
        "The workers of `STATIC`: `host[:httpPort]` with commas between, hosts spelt alike everywhere."
    )
    package static let workerListFile = Property(
        "alluxio.worker.static.membership.manager.config.file",
        .path,
        "File of such a list, one or more on a line; not read beside the list itself."
    )
    package static let workerListInterval = Property(
        "alluxio.user.worker.list.refresh.interval",
        .duration(.seconds(1)...(.seconds(3600)), allowsForever: false),
        default: "2min",
        """
        How long the list of workers is trusted without being read again. Changes are watched and seen at \
        once, where etcd can be watched.
        """
    )

    private static let ringSettings: [Property] = [
        selectionPolicy, virtualNodeProvider, virtualNodes, dynamicRing, replicas, replicaChoice,
        virtualBlockSize,
    ]

    package static let selectionPolicy = Property(
        "alluxio.user.worker.selection.policy.type",
        .text,
        default: "CONSISTENT_HASH",
        aliases: ["alluxio.user.worker.selection.policy"],
        """
        How the worker of a file is found: `CONSISTENT_HASH`, or `CONSISTENT`, which is the same; others are \
        refused.
        """
    )
    package static let virtualNodeProvider = Property(
        "alluxio.user.worker.selection.policy.consistent.hash.provider.impl",
        .word(["DEFAULT", "CAPACITY"]),
        default: "DEFAULT",
        """
        Whether every worker has the same number of virtual nodes, or one in proportion to what it can \
        cache. The same everywhere in a cluster.
        """
    )
    package static let virtualNodes = Property(
        "alluxio.user.worker.selection.policy.consistent.hash.virtual.node.count.per.worker",
        .integer(1...100_000),
        default: "2000",
        aliases: ["alluxio.user.consistent.hash.virtual.node.count.per.worker"],
        "Virtual nodes of each worker; the same everywhere in a cluster, or files are looked for elsewhere."
    )
    package static let dynamicRing = Property(
        "alluxio.user.dynamic.consistent.hash.ring.enabled",
        .flag,
        default: "true",
        "Whether only live workers are on the ring, or all registered ones."
    )
    package static let replicas = Property(
        "alluxio.user.file.replication.min",
        .integer(0...100),
        default: "1",
        "How many workers a file may be read from; `0` counts as 1."
    )
    package static let replicaChoice = Property(
        "alluxio.user.replica.selection.policy",
        .word(["GLOBAL_FIXED", "CLIENT_FIXED"]),
        default: "GLOBAL_FIXED",
        "Which of them is asked first: the same one by every client, or one that depends on the client."
    )
    package static let virtualBlockSize = Property(
        "alluxio.dora.file.read.virtual.block.size",
        .bytes(0...1 << 50),
        default: "0",
        """
        Size of the parts of a file that are spread over workers; `0`: a file lies whole on one. The same \
        everywhere in a cluster.
        """
    )

    private static let linkSettings: [Property] = [
        fallsBackToStore, foreignWorkers, provesRights, clusterToken,
    ]

    package static let fallsBackToStore = Property(
        "alluxio.dora.client.ufs.fallback.enabled",
        .flag,
        default: "true",
        "Whether the store is read directly when no worker can answer; if not, the read fails."
    )
    package static let provesRights = Property(
        "alluxio.fuse.rights.proof.enabled",
        .flag,
        default: "false",
        """
        Whether the first question about each directory, once a minute, goes to the store with the mount's \
        own credentials, so that workers answer only whom the store would. For mounts on behalf of others.
        """
    )
    package static let foreignWorkers = Property(
        "alluxio.fuse.foreign.workers",
        .word(["verify", "trust", "off"]),
        default: "verify",
        """
        What is done with workers that are not of this project: used as far as what they say of a file \
        agrees with the store, used if the length agrees, or not used.
        """
    )
    package static let clusterToken = Property(
        "alluxio.worker.http.auth.token",
        .secret,
        """
        A shared secret that workers ask of whoever reads from them, and that is sent to them. Without it \
        anyone may read who can connect.
        """
    )

    private static let mountTableSettings: [Property] = [
        mountTableSource, mountTableFile, mountTableInterval,
    ]

    package static let mountTableSource = Property(
        "alluxio.mount.table.source",
        .word(["ETCD", "STATIC_FILE"]),
        "Where the mount table is kept. Without it, `STATIC_FILE` if a file of mounts is set, else `ETCD`."
    )
    package static let mountTableFile = Property(
        "alluxio.mount.table.static.conf.file",
        .path,
        "File of the mount table: `/name ufs-uri [key=value]…` on each line; read again when it changed."
    )
    package static let mountTableInterval = Property(
        "alluxio.mount.table.etcd.polling.interval.ms",
        .duration(.milliseconds(100)...(.seconds(3600)), allowsForever: false),
        default: "2s",
        """
        How often the file of mounts is read, and etcd where it can't be watched; a bare number is \
        milliseconds.
        """
    )

    static let cluster =
        [clusterName] + etcdSettings + membershipSettings + ringSettings + linkSettings + mountTableSettings
}
