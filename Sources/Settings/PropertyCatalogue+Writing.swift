extension Property {
    package static let stagingDirectory = Property(
        "alluxio.fuse.staging.dir",
        .path,
        """
        Directory where changed files lie until the store has them; one daemon a directory. Without it, \
        `staging` in the cache directory, else a directory of the mount below `/var/tmp`.
        """
    )
    package static let stagingSize = Property(
        "alluxio.fuse.staging.size",
        .bytes(1 << 20...1 << 50),
        default: "16GB",
        "The most bytes that are staged at a time; beyond it writers wait a minute, then get ENOSPC."
    )
    package static let durability = Property(
        "alluxio.fuse.fsync",
        .word(["commit", "stage"]),
        default: "commit",
        """
        What fsync promises: `commit`, the store has the file; `stage`, the local disk has it, and the store \
        gets it when the file is closed.
        """
    )

    package static let writeType = Property(
        "alluxio.user.file.writetype.default",
        .word(["CACHE_THROUGH", "THROUGH", "ASYNC_THROUGH"]),
        default: "CACHE_THROUGH",
        """
        `CACHE_THROUGH`: a closed file is in the store, and its bytes are cached; `THROUGH`: in the store, \
        not cached; `ASYNC_THROUGH`: on the local disk, and in the store soon after.
        """
    )

    static let writing = [stagingDirectory, stagingSize, durability, writeType]
}
