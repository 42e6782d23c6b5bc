extension Property {
    private static let cacheReason = "the cache has its own layout and eviction."
    private static let anyCount = PropertyKind.integer(-1...Int.max)
    private static let anyTime = PropertyKind.duration(.zero ... .seconds(1 << 40), allowsForever: true)
    private static let anySize = PropertyKind.bytes(0...Int.max)

    /// Names of existing `alluxio-site.properties` files.
    static let compatibility: [Property] =
        cacheCompatibility + clientCompatibility + fuseCompatibility + storeCompatibility

    private static let cacheCompatibility: [Property] = [
        .accepted(
            "alluxio.user.client.cache.page.size",
            anySize,
            because: "data is cached in granules of 4 KiB."
        ),
        .accepted("alluxio.user.client.cache.store.type", .word(["LOCAL", "MEM"]), because: cacheReason),
        .accepted("alluxio.user.client.cache.evictor.class", .text, because: cacheReason),
        .accepted("alluxio.user.client.cache.local.store.file.buckets", anyCount, because: cacheReason),
        .accepted("alluxio.user.client.cache.async.write.enabled", .flag, because: cacheReason),
        .accepted("alluxio.user.client.cache.async.write.threads", anyCount, because: cacheReason),
        .accepted("alluxio.user.client.cache.async.restore.enabled", .flag, because: cacheReason),
        .accepted("alluxio.user.client.cache.eviction.retries", anyCount, because: cacheReason),
        .accepted("alluxio.user.client.cache.timeout.duration", anyTime, because: cacheReason),
        .accepted("alluxio.user.client.cache.timeout.threads", anyCount, because: cacheReason),
        .accepted(
            "alluxio.user.client.cache.ttl.enabled",
            .flag,
            because: "a cached version is valid as long as the object has it."
        ),
        .accepted(
            "alluxio.user.client.cache.ttl.check.interval.seconds",
            anyCount,
            because: "there is no such TTL."
        ),
        .accepted(
            "alluxio.user.client.cache.ttl.threshold.seconds",
            anyCount,
            because: "there is no such TTL."
        ),
        .accepted("alluxio.user.client.cache.quota.enabled", .flag, because: "there is one limit for all."),
        .accepted(
            "alluxio.user.client.cache.include.mtime",
            .flag,
            because: "the cache goes by the object's ETag."
        ),
        .accepted(
            "alluxio.user.client.cache.fallback.enabled",
            .flag,
            because: "a failing cache is always passed by."
        ),
    ]

    private static let clientCompatibility: [Property] = [
        .accepted(
            "alluxio.dora.client.metadata.cache.enabled",
            .flag,
            because: "`alluxio.user.file.metadata.sync.interval=0` is how to trust nothing."
        ),
        .accepted(
            "alluxio.user.position.reader.streaming.multiplier",
            anyCount,
            because: "the window adapts."
        ),
        .accepted("alluxio.user.position.reader.preload.data.enabled", .flag, because: "the window adapts."),
        .accepted(
            "alluxio.user.position.reader.preload.data.file.size.threshold.min",
            anySize,
            because: "the window adapts."
        ),
        .accepted("alluxio.user.position.reader.preload.data.size", anySize, because: "the window adapts."),
        .accepted(
            "alluxio.user.position.reader.streaming.async.prefetch.part.length",
            anySize,
            because: "the window adapts."
        ),
        .accepted(
            "alluxio.user.position.reader.streaming.async.prefetch.max.part.number",
            anyCount,
            because: "the window adapts."
        ),
        .accepted(
            "alluxio.user.position.reader.streaming.async.prefetch.file.length.threshold",
            anySize,
            because: "the window adapts."
        ),
        .accepted("alluxio.user.streaming.reader.chunk.size.bytes", anySize, because: "the window adapts."),
        .accepted("alluxio.user.file.readtype.default", .text, because: "what is read is cached."),
    ]

    private static let fuseCompatibility: [Property] = [
        .accepted(
            "alluxio.fuse.mount.point",
            .text,
            because: "the mount point is named on the command line."
        ),
        .accepted(
            "alluxio.fuse.mount.alluxio.path",
            .text,
            because: "the store is named on the command line."
        ),
        .accepted("alluxio.fuse.jnifuse.enabled", .flag, because: "there is no Java."),
        .accepted(
            "alluxio.fuse.jnifuse.libfuse.version",
            .integer(2...3),
            because: "it is always libfuse 3."
        ),
        .accepted(
            "alluxio.fuse.cached.paths.max",
            anyCount,
            because: "inodes are kept as long as the kernel does."
        ),
        .accepted("alluxio.fuse.position.read.enabled", .flag, because: "every read has its offset."),
        .accepted("alluxio.fuse.stat.cache.refresh.interval", anyTime, because: "totals are not cached."),
        .accepted("alluxio.fuse.user.group.translation.enabled", .flag, because: "use `uid` and `gid`."),
        .accepted("alluxio.fuse.auth.policy.class", .text, because: "use `uid` and `gid`."),
    ]

    private static let storeCompatibility: [Property] = [
        .accepted(
            "alluxio.underfs.s3.inherit.acl",
            .flag,
            because: "ACLs are not translated; use `uid` and `umask`."
        ),
        .accepted("alluxio.underfs.s3.default.mode", .text, because: "use `umask`, `fmask` and `dmask`."),
        .accepted("alluxio.underfs.s3.owner.id.to.username.mapping", .text, because: "use `uid` and `gid`."),
        .accepted("alluxio.underfs.s3.list.objects.v1", .flag, because: "listings use version 2."),
        .accepted(
            "alluxio.underfs.s3.signer.algorithm",
            .text,
            because: "requests are signed with version 4."
        ),
        .accepted("alluxio.underfs.s3.directory.suffix", .text, because: "directories end with a slash."),
        .accepted(
            "alluxio.underfs.s3.max.error.retry",
            anyCount,
            because: "retries end at the request timeout."
        ),
        .accepted(
            "alluxio.underfs.s3.connection.ttl",
            anyTime,
            because: "idle connections are closed anyway."
        ),
        .accepted(
            "alluxio.underfs.s3.admin.threads.max",
            anyCount,
            because: "requests wait on the pool of the mount."
        ),
        .accepted(
            "alluxio.underfs.s3.bulk.delete.enabled",
            .flag,
            because: "many objects are deleted at once where the store can."
        ),
        .accepted(
            "alluxio.underfs.s3.streaming.upload.enabled",
            .flag,
            because: "parts always go out while a file is written."
        ),
        .accepted(
            "alluxio.underfs.s3.streaming.upload.timeout",
            anyTime,
            because: "each request has its deadline."
        ),
        .accepted(
            "alluxio.underfs.s3.proxy.host",
            .text,
            because: "use the variables `https_proxy` and `http_proxy`."
        ),
        .accepted(
            "alluxio.underfs.s3.proxy.port",
            .text,
            because: "use the variables `https_proxy` and `http_proxy`."
        ),
    ]

    /// Words of existing mount commands.
    static let compatibilityOptions: [Property] = [
        .accepted("fuse", .integer(2...3), place: .option, because: "it is always libfuse 3."),
        .accepted(
            "kernel_cache",
            .flag,
            place: .option,
            because: "pages are kept as long as the version lives."
        ),
        .accepted("auto_cache", .flag, place: .option, because: "a new version has pages of its own."),
        .accepted("big_writes", .flag, place: .option, because: "it belongs to libfuse 2."),
        .accepted("async_read", .flag, place: .option, because: "reads are always asynchronous."),
        .accepted("noauto_cache", .flag, place: .option, because: "a new version has pages of its own."),
        .accepted("subtype", .text, place: .option, because: "the type is always `fuse.alluxio-fuse`."),
        .accepted("use_ino", .flag, place: .option, because: "inode numbers are always the file system's."),
        .accepted("rw", .flag, place: .option, because: "a mount can be written to unless `ro` is given."),
    ]
}
