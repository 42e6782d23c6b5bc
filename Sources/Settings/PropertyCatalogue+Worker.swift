extension Property {
    private static let port = PropertyKind.integer(0...65_535)

    package static let workerHost = Property(
        "alluxio.worker.hostname",
        .text,
        "Name or address that others reach this worker at; without it, the host's name."
    )
    package static let workerServes = Property(
        "alluxio.worker.http.server.enabled",
        .flag,
        default: "true",
        "Whether the worker serves the HTTP API, by which all others read."
    )
    package static let workerPort = Property(
        "alluxio.worker.http.server.port",
        port,
        default: "28080",
        "Port of the HTTP API; `0` takes a free one."
    )
    package static let workerBindHost = Property(
        "alluxio.worker.http.server.bind.host",
        .text,
        default: "0.0.0.0",
        "Address that the worker's ports listen at."
    )
    package static let workerS3Enabled = Property(
        "alluxio.worker.s3.api.enabled",
        .flag,
        """
        Whether the worker serves the S3 API for reading: each mount is a bucket. Without it, true unless a \
        token is set, since the token does not guard that port.
        """
    )
    package static let workerS3Port = Property(
        "alluxio.worker.rest.port",
        port,
        default: "29998",
        "Port of the S3 API; `0` takes a free one."
    )
    package static let workerS3Redirects = Property(
        "alluxio.worker.s3.redirect.enabled",
        .flag,
        default: "false",
        """
        Whether the S3 API sends a client to the worker that holds the object, with status 307, rather than \
        passing the object on.
        """
    )
    package static let workerPageDirectories = Property(
        "alluxio.worker.page.store.dirs",
        .text,
        """
        Directories of cached data, absolute paths with commas between; each for one worker only, and each \
        file in one of them. Without any, data is kept in memory, in half of the memory limit.
        """
    )
    package static let workerPageSizes = Property(
        "alluxio.worker.page.store.sizes",
        .text,
        default: "512MB",
        "The most bytes in each of them, in their order; one size is for each."
    )
    package static let workerPageSize = Property(
        "alluxio.worker.page.store.page.size",
        .bytes(4 << 10...1 << 30),
        default: "4MB",
        "Length of a page on the wire; clients that read pages must be set alike."
    )
    package static let workerMemory = Property(
        "alluxio.worker.memory.limit",
        .bytes(32 << 20...1 << 50),
        default: "256MB",
        "The most memory of a worker for data and listings, however many clients there are."
    )
    package static let workerIdentity = Property(
        "alluxio.worker.identity.uuid",
        .text,
        "UUID of the worker; without it, the one in the identity file."
    )
    package static let workerIdentityFile = Property(
        "alluxio.worker.identity.uuid.file.path",
        .path,
        """
        File of the worker's UUID, made with a random one if it is missing. Without it, `worker_identity` in \
        the configuration directory.
        """
    )
    package static let workerLeaseTime = Property(
        "alluxio.worker.failure.detection.timeout",
        .duration(.seconds(1)...(.seconds(86_400)), allowsForever: false),
        default: "2min",
        "How long after its last sign a worker counts as lost; whole seconds."
    )
    package static let workerOnKubernetes = Property(
        "alluxio.k8s.env.deployment",
        .flag,
        default: "false",
        "Whether a registration of the same UUID at another address is overwritten, as pods need it."
    )

    static let worker = [
        workerHost, workerServes, workerPort, workerBindHost, workerS3Enabled, workerS3Port,
        workerS3Redirects, workerPageDirectories, workerPageSizes, workerPageSize, workerMemory,
        workerIdentity, workerIdentityFile, workerLeaseTime, workerOnKubernetes,
    ]
}
