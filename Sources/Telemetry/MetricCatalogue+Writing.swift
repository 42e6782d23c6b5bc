extension MetricCatalogue {
    /// The metrics of changing files.
    static let writing: [MetricDescription] = [
        MetricDescription(
            "alluxio_fuse_abandoned_files",
            "counter",
            "Files that were closed although the store had not taken them; their bytes are kept aside."
        ),
        MetricDescription(
            "alluxio_fuse_commits",
            "counter",
            "Changed files given to the store, by `outcome`: `ok` or `failed`."
        ),
        MetricDescription(
            "alluxio_fuse_unkept_files",
            "counter",
            "Open files that were removed before their bytes could be kept; their readers see ESTALE."
        ),
        MetricDescription(
            "alluxio_fuse_written_bytes",
            "counter",
            "Bytes that programs wrote."
        ),
    ]
}
