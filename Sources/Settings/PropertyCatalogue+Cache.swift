extension Property {
    package static let syncInterval = Property(
        "alluxio.user.file.metadata.sync.interval",
        .duration(.zero ... .seconds(86_400 * 365), allowsForever: true),
        default: "1s",
        """
        How long what the store said of names and attributes is trusted. `0`: every open asks; `-1`: for \
        ever, until \
        something is forgotten on request.
        """
    )
    package static let metadataCacheSize = Property(
        "alluxio.user.metadata.cache.max.size",
        .integer(0...100_000_000),
        default: "20000",
        aliases: ["local_metadata_cache_size"],
        "The most single lookups, found and absent, that are kept; `0` keeps the least there can be."
    )
    package static let metadataCacheExpiry = Property(
        "alluxio.user.metadata.cache.expiration.time",
        .duration(.zero ... .seconds(86_400 * 365), allowsForever: true),
        aliases: ["local_metadata_cache_expire"],
        "Alluxio's older name of the sync interval; counts if that one is not set."
    )
    package static let listingCacheSize = Property(
        "alluxio.fuse.listing.cache.size",
        .bytes(1 << 20...1 << 40),
        default: "128MB",
        "The most memory for listings that nobody has open."
    )

    static let metadata = [syncInterval, metadataCacheSize, metadataCacheExpiry, listingCacheSize]

    package static let cacheEnabled = Property(
        "alluxio.user.client.cache.enabled",
        .flag,
        "Whether data is kept on disk; without it, true when a cache directory is set."
    )
    package static let cacheDirectory = Property(
        "alluxio.user.client.cache.dirs",
        .path,
        default: "/tmp/alluxio_cache",
        aliases: ["local_data_cache", "alluxio.user.client.cache.dir"],
        """
        Directory of cached data; one daemon a directory, one directory a mount. Made with mode 0700 if it \
        is missing. \
        The default is used only when the cache is switched on by name.
        """
    )
    package static let cacheSize = Property(
        "alluxio.user.client.cache.size",
        .bytes(1 << 20...1 << 50),
        default: "512MB",
        aliases: ["local_cache_size", "local_data_cache_size"],
        "The most bytes that the cache directory may hold."
    )
    package static let memoryCacheSize = Property(
        "alluxio.user.client.cache.memory.size",
        .bytes(1 << 20...1 << 40),
        default: "128MB",
        "The most bytes of data kept in memory when there is no cache directory."
    )
    package static let readAheadMaximum = Property(
        "alluxio.user.position.reader.streaming.prefetch.max.size",
        .bytes(0...1 << 30),
        default: "96MB",
        aliases: ["readahead_max"],
        "The most bytes read ahead of one sequential reader; `0` turns reading ahead off."
    )

    static let cache = [cacheEnabled, cacheDirectory, cacheSize, memoryCacheSize, readAheadMaximum]
}
