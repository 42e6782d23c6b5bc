internal import Glibc
internal import HTTPTransport

/// Asks a small service for a small document, a few times if it is only busy.
struct MetadataServiceClient: Sendable {
    /// The largest answer that is read.
    static let bodyBytesMaximum = 256 << 10
    /// How often a request is sent at most.
    static let attemptsMaximum = 3

    let transport: any HTTPExchanging
    /// Waits between two attempts, for less than a second.
    var pause: @Sendable (Duration) -> Void = { duration in
        usleep(UInt32(duration.components.attoseconds / 1_000_000_000_000))
    }

    /// Sends a request; again after 5xx, 429 and broken connections.
    /// - Parameter request: What to send.
    /// - Returns: The last answer, whatever its status.
    /// - Throws: The last failure of the transport. What could not be connected is not tried again.
    func send(_ request: HTTPRequest) throws(TransportError) -> HTTPResponse {
        var attempt = 1
        while true {
            let isLast = attempt == Self.attemptsMaximum
            do throws(TransportError) {
                let response = try transport.send(request, bodyLimitBytes: Self.bodyBytesMaximum)
                let status = response.head.status
                guard !isLast, status >= 500 || status == 429 else { return response }
            } catch {
                guard !isLast, case .broken = error else { throw error }
            }
            pause(.milliseconds(100 << (attempt - 1)))
            attempt += 1
        }
    }
}

extension TransportError {
    /// What went wrong, in a few words, for the error of a provider.
    var reason: String {
        switch self {
        case .cannotConnect(let why): "cannot connect: \(why)"
        case .untrusted(let why): "its certificate is not trusted: \(why)"
        case .timedOut(let why): "no answer in time: \(why)"
        case .broken(let why): "the connection broke: \(why)"
        case .tooLarge(let limit): "its answer is larger than \(limit) bytes"
        case .invalid(let why): "the request cannot be sent: \(why)"
        case .stopped: "stopped"
        }
    }
}
