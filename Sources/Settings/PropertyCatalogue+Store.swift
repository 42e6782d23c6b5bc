extension Property {
    package static let endpoint = Property(
        "alluxio.underfs.s3.endpoint",
        .address,
        aliases: ["endpoint"],
        "Address of the S3 service; without it, AWS in the region of the bucket."
    )
    package static let region = Property(
        "alluxio.underfs.s3.region",
        .text,
        aliases: ["alluxio.underfs.s3.endpoint.region", "region"],
        """
        Region to sign for; without it `AWS_REGION`, the profile's, else `us-east-1`, corrected by the \
        store's answer.
        """
    )
    package static let pathStyle = Property(
        "alluxio.underfs.s3.disable.dns.buckets",
        .flag,
        """
        Whether the bucket stands in the path (`http://host/bucket/key`) rather than in the host name; \
        without it, true \
        when an endpoint is set.
        """
    )
    package static let secureEndpoint = Property(
        "alluxio.underfs.s3.secure.http.enabled",
        .flag,
        default: "true",
        "Whether an endpoint without a scheme is spoken to over https."
    )
    package static let requesterPays = Property(
        "alluxio.underfs.s3.requester.pays",
        .flag,
        default: "false",
        aliases: ["requester_pays"],
        "Whether the caller pays for requests to a requester-pays bucket."
    )
    package static let certificateAuthorityFile = Property(
        "alluxio.underfs.s3.ca.file",
        .path,
        "PEM file of certificate authorities to trust instead of the system's."
    )
    package static let verifiesPeer = Property(
        "alluxio.underfs.s3.tls.verify.enabled",
        .flag,
        default: "true",
        "Whether the store's certificate is checked. Turn it off for a test only."
    )

    static let store = [
        endpoint, region, pathStyle, secureEndpoint, requesterPays, certificateAuthorityFile, verifiesPeer,
    ]

    package static let accessKey = Property(
        "s3a.accessKeyId",
        .secret,
        aliases: ["aws.accessKeyId", "alluxio.underfs.s3.access.key.id"],
        "Access key. Needs the secret key too."
    )
    package static let secretKey = Property(
        "s3a.secretKey",
        .secret,
        aliases: ["aws.secretKey", "alluxio.underfs.s3.secret.key"],
        "Secret key that belongs to the access key."
    )
    package static let sessionToken = Property(
        "aws.sessionToken",
        .secret,
        aliases: ["s3a.sessionToken", "alluxio.underfs.s3.session.token"],
        "Session token of temporary keys."
    )
    package static let profile = Property(
        "alluxio.underfs.s3.profile",
        .text,
        aliases: ["aws.profile"],
        "Profile of the shared credentials and config files; without it `AWS_PROFILE`, else `default`."
    )
    package static let anonymous = Property(
        "alluxio.underfs.s3.anonymous",
        .flag,
        default: "false",
        aliases: ["anonymous"],
        "Whether requests go unsigned, for public buckets."
    )
    package static let environmentOnly = Property(
        "alluxio.underfs.s3.credentials.environment.only",
        .flag,
        default: "false",
        """
        Whether keys and profiles of options, properties and the mount table are passed over, so that only \
        the environment says whose credentials count. For mounts on behalf of others.
        """
    )

    static let credentials = [accessKey, secretKey, sessionToken, profile, anonymous]

    private static let deadlineRange: ClosedRange<Duration> = .milliseconds(100)...(.seconds(3600))

    package static let connectTimeout = Property(
        "alluxio.underfs.s3.connect.timeout",
        .duration(deadlineRange, allowsForever: false),
        default: "3s",
        "How long a connection to the store may take to be made, TLS included."
    )
    package static let stallTimeout = Property(
        "alluxio.underfs.s3.socket.timeout",
        .duration(deadlineRange, allowsForever: false),
        default: "10s",
        "How long a transfer may go without a byte before it is tried again."
    )
    package static let totalTimeout = Property(
        "alluxio.underfs.s3.request.timeout",
        .duration(deadlineRange, allowsForever: false),
        default: "60s",
        "How long a read, lookup or listing may take in all, retries included, before it fails with EIO."
    )
    package static let connectionsMaximum = Property(
        "alluxio.underfs.s3.threads.max",
        .integer(1...4096),
        default: "64",
        "The most connections kept open to the store."
    )
    package static let poolThreads = Property(
        "alluxio.fuse.waiting.threads.max",
        .integer(4...4096),
        default: "128",
        aliases: ["alluxio.fuse.max.reader.concurrency"],
        "The most operations that wait for the store at a time; further ones queue."
    )
    package static let aheadThreads = Property(
        "alluxio.fuse.readahead.threads.max",
        .integer(1...1024),
        default: "32",
        aliases: ["alluxio.user.position.reader.streaming.async.prefetch.thread"],
        "The most fetches of read-ahead at a time; less than the waiting threads."
    )
    package static let poolQueue = Property(
        "alluxio.fuse.waiting.queue.max",
        .integer(16...1_000_000),
        default: "65536",
        "The most operations that queue for a waiting thread; beyond it they fail with EIO."
    )

    static let deadlines = [
        connectTimeout, stallTimeout, totalTimeout, connectionsMaximum, poolThreads, aheadThreads, poolQueue,
    ]
}
