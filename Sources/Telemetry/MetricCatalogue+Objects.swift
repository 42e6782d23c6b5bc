extension MetricCatalogue {
    /// The metrics of requests to an object store.
    static let objects: [MetricDescription] = [
        MetricDescription(
            "alluxio_fuse_http_sent_bytes_total",
            "counter",
            "Bytes of request bodies that were sent."
        ),
        MetricDescription(
            "alluxio_fuse_s3_conditions_honoured",
            "gauge",
            "Whether the store looks at the conditions of a kind of change, 1 or 0, by `operation`."
        ),
        MetricDescription(
            "alluxio_fuse_s3_errors_total",
            "counter",
            "Error answers of S3, by `code`."
        ),
        MetricDescription(
            "alluxio_fuse_s3_received_bytes_total",
            "counter",
            "Bytes that came from S3, by `operation`."
        ),
        MetricDescription(
            "alluxio_fuse_s3_requests_total",
            "counter",
            "Requests to S3, retries included, by `operation`."
        ),
        MetricDescription(
            "alluxio_fuse_s3_retries_total",
            "counter",
            "Requests to S3 that were tried again, by `operation`."
        ),
        MetricDescription(
            "alluxio_fuse_s3_sent_bytes_total",
            "counter",
            "Bytes of objects that were sent to S3, repeats included, by `operation`."
        ),
    ]
}
