internal import HTTPTransport

/// What one try of an operation came to, when it was no answer.
enum EtcdFailure: Error, Hashable {
    /// This member can't answer now; another one may.
    case unavailable(String)
    /// No connection can be trusted; another member may be set up better.
    case untrusted(String)
    /// The token is no longer good; a new one may be.
    case tokenRefused(String)
    /// Another try would end the same way.
    case final(EtcdError)

    /// Sorts what libcurl reported.
    init(_ error: TransportError) {
        switch error {
        case .cannotConnect(let text), .timedOut(let text), .broken(let text): self = .unavailable(text)
        case .untrusted(let text): self = .untrusted(text)
        case .tooLarge(let limit): self = .final(.malformed("more than \(limit) bytes"))
        case .invalid(let text): self = .final(.invalid("\(text); check alluxio.etcd.endpoints"))
        case .stopped: self = .final(.stopped)
        }
    }

    /// Sorts an answer that is no success.
    /// - Parameters:
    ///   - status: The status of HTTP, not 200.
    ///   - body: The body, JSON if etcd wrote it.
    init(status: Int, body: [UInt8]) {
        let failure: EtcdWire.Failure
        do throws(EtcdError) {
            failure = try EtcdWire.decode(body)
        } catch {
            let isTransient = status >= 500 || status == 408 || status == 429
            self =
                isTransient
                ? .unavailable("HTTP status \(status)") : .final(.malformed("HTTP status \(status)"))
            return
        }
        self.init(status: status, failure)
    }

    /// Sorts etcd's own error.
    init(status: Int, _ failure: EtcdWire.Failure) {
        let message = failure.message ?? "HTTP status \(status)"
        let code = failure.code ?? failure.streamCode ?? 0
        let renewing = ["invalid auth token", "auth store is old", "user name is empty"]
        if code == Self.unauthenticated || renewing.contains(where: { message.contains($0) }) {
            self = .tokenRefused(message)
        } else if code == Self.permissionDenied || message.contains("authentication failed") {
            self = .final(.notPermitted(message))
        } else if message.contains("requested lease not found") {
            self = .final(.leaseGone)
        } else if status >= 500 || status == 408 || status == 429 || Self.transient.contains(code) {
            self = .unavailable(message)
        } else {
            self = .final(.refused(code: code, message: message))
        }
    }

    // Status codes of gRPC.
    private static let permissionDenied = 7
    private static let unauthenticated = 16
    /// Cancelled, deadline exceeded, resource exhausted, unavailable.
    private static let transient: Set<Int> = [1, 4, 8, 14]
}
