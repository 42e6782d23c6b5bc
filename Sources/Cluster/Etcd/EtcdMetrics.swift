import CoreMetrics

/// What a connection to etcd counts; made once, since looking a metric up by its labels costs.
struct EtcdMetrics: Sendable {
    let requests = Counter(label: "alluxio_fuse_etcd_requests_total")

    private let unavailable = Self.errors("unavailable")
    private let untrusted = Self.errors("untrusted")
    private let token = Self.errors("token")
    private let refused = Self.errors("refused")

    private static func errors(_ kind: String) -> Counter {
        Counter(label: "alluxio_fuse_etcd_errors_total", dimensions: [("kind", kind)])
    }

    func count(_ failure: EtcdFailure) {
        switch failure {
        case .unavailable: unavailable.increment()
        case .untrusted: untrusted.increment()
        case .tokenRefused: token.increment()
        case .final(.stopped): break
        case .final: refused.increment()
        }
    }
}
