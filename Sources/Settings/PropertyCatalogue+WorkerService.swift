extension Property {
    private static let port = PropertyKind.integer(0...65_535)

    package static let storeRoot = Property(
        "alluxio.dora.client.ufs.root",
        .text,
        """
        The one store that a worker serves where there is no mount table, such as `s3://bucket/prefix`; it \
        is mounted at `/` and the bucket's name. A mount of one store names it on the command line instead.
        """
    )
    package static let workerArrayNodePort = Property(
        "alluxio.worker.http.server.array.node.port",
        port,
        default: "28081",
        """
        A second port of the HTTP API, whose `/v1/node` answers as clients of 2025 and before expect; it is \
        the one that etcd is told. `0` takes a free one.
        """
    )
    package static let workerRPCPort = Property(
        "alluxio.worker.rpc.port",
        port,
        default: "29999",
        "The gRPC port that is registered, since other tools name workers by it. Nothing listens there."
    )
    package static let workerWaitingThreads = Property(
        "alluxio.worker.waiting.threads.max",
        .integer(2...4096),
        default: "64",
        "The most answers that wait for a store or another worker at a time; further ones queue."
    )
    package static let workerStopTimeout = Property(
        "alluxio.worker.stop.timeout",
        .duration(.zero ... .seconds(3600), allowsForever: false),
        default: "10s",
        "How long a worker that is to end waits for answers under way."
    )

    package static let workerChanges = Property(
        "alluxio.worker.changes.enabled",
        .flag,
        default: "false",
        """
        Whether clients of the HTTP API may change the stores through this worker: mkdir, touch, rm, mv, \
        copy, and POST of files. It is off because that API asks nobody who he is: whoever reaches the port \
        could delete what the worker's keys may. Set `alluxio.worker.http.auth.token` with it.
        """
    )
    package static let workerStagingDirectory = Property(
        "alluxio.worker.staging.dir",
        .path,
        """
        Directory where files lie that clients send, until the store has them. Without it, `staging` in the \
        first cache directory, else a directory of the user below `/var/tmp`.
        """
    )
    package static let workerStagingSize = Property(
        "alluxio.worker.staging.size",
        .bytes(1 << 20...1 << 50),
        default: "16GB",
        "The most bytes of files that clients send at a time; beyond it they get status 507."
    )

    static let workerService = [
        storeRoot, workerArrayNodePort, workerRPCPort, workerWaitingThreads, workerStopTimeout,
        workerChanges, workerStagingDirectory, workerStagingSize,
    ]
}
