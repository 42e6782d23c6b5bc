import CoreMetrics

/// What a transport counts; made once, since looking a metric up by its labels costs more than a request may.
struct TransportMetrics: Sendable {
    let requests = Counter(label: "alluxio_fuse_http_requests_total")
    let receivedBytes = Counter(label: "alluxio_fuse_http_received_bytes_total")
    let sentBytes = Counter(label: "alluxio_fuse_http_sent_bytes_total")
    let openedConnections = Counter(label: "alluxio_fuse_http_connections_opened_total")
    let repeatedRequests = Counter(label: "alluxio_fuse_http_stale_connections_total")
    let duration = Timer(label: "alluxio_fuse_http_request_duration_seconds")

    private let cannotConnect = Self.errors("connect")
    private let untrusted = Self.errors("untrusted")
    private let timedOut = Self.errors("timeout")
    private let broken = Self.errors("broken")
    private let tooLarge = Self.errors("too_large")
    private let invalid = Self.errors("invalid")

    private static func errors(_ kind: String) -> Counter {
        Counter(label: "alluxio_fuse_http_errors_total", dimensions: [("kind", kind)])
    }

    func count(_ error: TransportError) {
        switch error {
        case .cannotConnect: cannotConnect.increment()
        case .untrusted: untrusted.increment()
        case .timedOut: timedOut.increment()
        case .broken: broken.increment()
        case .tooLarge: tooLarge.increment()
        case .invalid: invalid.increment()
        case .stopped: break
        }
    }
}
