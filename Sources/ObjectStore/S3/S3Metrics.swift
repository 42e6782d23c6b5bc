import CoreMetrics

/// What is asked of S3, as the metrics name it.
enum S3Operation: String, CaseIterable, Sendable {
    case getObject = "get_object"
    case headObject = "head_object"
    case listObjects = "list_objects"
    case putObject = "put_object"
    case deleteObject = "delete_object"
    case createBucket = "create_bucket"
    case copyObject = "copy_object"
    case deleteObjects = "delete_objects"
    case createUpload = "create_multipart_upload"
    case uploadPart = "upload_part"
    case copyPart = "upload_part_copy"
    case completeUpload = "complete_multipart_upload"
    case abortUpload = "abort_multipart_upload"
    case listUploads = "list_multipart_uploads"

    var method: String {
        switch self {
        case .getObject, .listObjects, .listUploads: "GET"
        case .headObject: "HEAD"
        case .putObject, .createBucket, .copyObject, .uploadPart, .copyPart: "PUT"
        case .deleteObject, .abortUpload: "DELETE"
        case .deleteObjects, .createUpload, .completeUpload: "POST"
        }
    }
}

/// What the S3 store counts; the usual counters are made once.
struct S3Metrics: Sendable {
    /// Error codes that get a label of their own; others count under their status.
    static let knownCodes: Set<String> = [
        "AccessDenied", "AuthorizationHeaderMalformed", "BadDigest", "ConditionalRequestConflict",
        "EntityTooLarge", "EntityTooSmall", "ExpiredToken", "InternalError", "InvalidAccessKeyId",
        "InvalidObjectState", "InvalidPart", "InvalidToken", "KeyTooLongError", "NoSuchBucket", "NoSuchKey",
        "NoSuchUpload", "NotImplemented", "PermanentRedirect",
        "PreconditionFailed", "RequestTimeTooSkewed", "RequestTimeout", "SignatureDoesNotMatch", "SlowDown",
        "TemporaryRedirect",
    ]

    private let requests: [Counter]
    private let receivedBytes: [Counter]
    private let sentBytes: [Counter]
    private let retries: [Counter]

    init() {
        func counters(_ label: String) -> [Counter] {
            S3Operation.allCases.map { Counter(label: label, dimensions: [("operation", $0.rawValue)]) }
        }
        requests = counters("alluxio_fuse_s3_requests_total")
        receivedBytes = counters("alluxio_fuse_s3_received_bytes_total")
        sentBytes = counters("alluxio_fuse_s3_sent_bytes_total")
        retries = counters("alluxio_fuse_s3_retries_total")
    }

    func countRequest(_ operation: S3Operation) { requests[operation.index].increment() }

    func countBytes(_ operation: S3Operation, _ count: Int) {
        receivedBytes[operation.index].increment(by: count)
    }

    func countSentBytes(_ operation: S3Operation, _ count: Int) {
        sentBytes[operation.index].increment(by: count)
    }

    func countRetry(_ operation: S3Operation) { retries[operation.index].increment() }

    func countError(_ failure: S3Failure) {
        Counter(label: "alluxio_fuse_s3_errors_total", dimensions: [("code", failure.label)]).increment()
    }
}

extension S3Operation {
    /// The place of the operation in tables by operation.
    var index: Int {
        switch self {
        case .getObject: 0
        case .headObject: 1
        case .listObjects: 2
        case .putObject: 3
        case .deleteObject: 4
        case .createBucket: 5
        case .copyObject: 6
        case .deleteObjects: 7
        case .createUpload: 8
        case .uploadPart: 9
        case .copyPart: 10
        case .completeUpload: 11
        case .abortUpload: 12
        case .listUploads: 13
        }
    }
}
