import NIOHTTP1

/// Answers the requests of one port.
///
/// Called on event loops with `mayWait` false, then if need be once more on a pool thread with `mayWait`
/// true; the same straight-line code both times.
protocol Responder: Sendable {
    /// The longest body that a request may have, in bytes; 0 if it may have none.
    func bodyMaximum(for request: ServedRequest) -> Int

    /// What takes the body of a request while it comes; nil if it is collected, or not wanted.
    ///
    /// Must not wait.
    /// - Parameter request: Without its body.
    /// - Returns: What takes the body and gives the answer.
    /// - Throws: Why the body is not wanted.
    func intake(for request: ServedRequest) throws(HTTPFailure) -> (any BodyIntake)?

    /// Answers a request.
    /// - Parameters:
    ///   - request: What is asked, with its body.
    ///   - mayWait: Whether the store may be asked.
    /// - Returns: The answer.
    /// - Throws: ``HTTPFailure/wouldWait`` only if `mayWait` is false.
    func answer(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer

    /// Says no.
    /// - Parameters:
    ///   - refusal: Why.
    ///   - request: To what; nil if it could not be read.
    /// - Returns: The answer.
    func answer(_ refusal: Refusal, to request: ServedRequest?) -> Answer
}

extension Responder {
    /// No body is taken while it comes.
    func intake(for request: ServedRequest) throws(HTTPFailure) -> (any BodyIntake)? { nil }
}
