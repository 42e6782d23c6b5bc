extension MetricCatalogue {
    /// The metrics of reading from workers.
    static let cluster: [MetricDescription] = [
        MetricDescription(
            "alluxio_fuse_cluster_breakers_open",
            "gauge",
            "Workers that are left alone for now, since they failed or are slow."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_breakers_opened_total",
            "counter",
            "How often a worker was left alone for a while."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_failures_total",
            "counter",
            "Requests that a worker did not serve, by `reason`."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_fallbacks_total",
            "counter",
            "Reads that went on to the store, by `reason`: what the last worker asked came to."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_first_byte_seconds",
            "histogram",
            "Time to the first byte of a worker's answer, in seconds."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_foreign_bytes_total",
            "counter",
            "Bytes that came from workers that are not ours."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_hedged_total",
            "counter",
            "Requests that were given to the next one because a worker was slower than its peers."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_metadata_total",
            "counter",
            "Questions about names, by `source`: `worker`, or `store` where no worker answered."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_news_total",
            "counter",
            "Changes of this mount that workers were to be told of, by `outcome`: `sent`, `dropped` since "
                + "too many waited, `failed`, or `refused`: told, but not read ahead."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_probes_total",
            "counter",
            "Questions whether a worker is alive."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_store_bytes_total",
            "counter",
            "Bytes that came from the store because no worker gave them."
        ),
        MetricDescription(
            "alluxio_fuse_cluster_waits_extended_total",
            "counter",
            "Requests that were made again because a worker gave no byte, but is alive."
        ),
        MetricDescription(
            "alluxio_fuse_worker_warmed_total",
            "counter",
            "New versions that a worker was told of, by `outcome`: `read` ahead, `failed`, or `refused` "
                + "since the queue was full or the file too long."
        ),
        MetricDescription(
            "alluxio_fuse_worker_warming_queue_length",
            "gauge",
            "New versions that wait to be read ahead by a worker."
        ),
        MetricDescription(
            "alluxio_read_from_workers_bytes_total",
            "counter",
            "Bytes that came from workers."
        ),
    ]
}
