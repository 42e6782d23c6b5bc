extension Property {
    package static let storageClass = Property(
        "alluxio.underfs.s3.storage.class",
        .text,
        aliases: ["storage_class"],
        "Storage class of new objects, such as `STANDARD_IA`; without it, the bucket's."
    )
    package static let encryption = Property(
        "alluxio.underfs.s3.server.side.encryption.enabled",
        .flag,
        default: "false",
        "Whether new objects are encrypted with keys that S3 manages (SSE-S3)."
    )
    package static let encryptionKey = Property(
        "alluxio.underfs.s3.server.side.encryption.kms.key",
        .text,
        "Id or ARN of the key that new objects are encrypted with (SSE-KMS)."
    )
    package static let cannedACL = Property(
        "alluxio.underfs.s3.canned.acl",
        .word([
            "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
            "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write",
        ]),
        "Canned access control list of new objects."
    )
    package static let objectTags = Property(
        "alluxio.underfs.s3.object.tags",
        .text,
        "Tags of new objects, percent-encoded as in a query: `team=blue&kind=data`."
    )
    package static let partBytes = Property(
        "alluxio.underfs.s3.streaming.upload.partition.size",
        .bytes(5 << 20...1 << 30),
        default: "16MB",
        "Size of the first parts of a large file; later parts grow, so that 10000 are enough for 5 TiB."
    )
    package static let uploadThreads = Property(
        "alluxio.underfs.s3.upload.threads.max",
        .integer(1...256),
        default: "8",
        "The most threads that send parts of files beside those that wait for a commit."
    )

    static let objects = [
        storageClass, encryption, encryptionKey, cannedACL, objectTags, partBytes, uploadThreads,
    ]
}
