/// Why an exchange gave no complete response.
///
/// A response with an error status is not a `TransportError`.
public enum TransportError: Error, Hashable, Sendable {
    /// Name resolution, connection or TLS handshake failed; the text says which, with the host.
    case cannotConnect(String)
    /// The server's certificate was refused; trying again does not help.
    case untrusted(String)
    /// A deadline passed: connect, stall or total.
    case timedOut(String)
    /// The connection broke, or the body ended before its announced length.
    case broken(String)
    /// The body is larger than the caller's limit.
    case tooLarge(limitBytes: Int)
    /// The URL or an option is not usable; trying again does not help.
    case invalid(String)
    /// The caller's body closure asked to stop, or the request's ``HTTPCancellation`` was cancelled.
    case stopped
}
