import Glibc
import HTTPTransport
import Logging
import Pages
import Synchronization
import Threading

/// Sends signed requests for one bucket, again where that helps.
///
/// Knows nothing of files and directories.
///
/// Any thread may call it; a call runs and waits on the caller's thread.
final class S3Client: Sendable {
    /// What was learnt from answers.
    private struct State {
        var endpoint: S3Endpoint
        /// What to add to the system's clock to get the server's, in seconds.
        var clockOffset: Int64 = 0
    }

    /// One attempt: how long it may take.
    struct Attempt {
        let timeout: Duration
    }

    /// Why a request was given up.
    struct GivenUp: Error {
        let error: StoreError
        let failure: S3Failure
    }

    let options: S3Options
    let metrics = S3Metrics()
    private let transport: HTTPTransport
    private let credentials: any CredentialsSource
    private let signer = SigV4Signer()
    private let state: Mutex<State>
    let logger: Logger

    init(
        _ options: S3Options,
        transport: HTTPTransport,
        credentials: any CredentialsSource,
        logger: Logger
    ) throws(S3OptionsError) {
        self.options = options
        self.transport = transport
        self.credentials = credentials
        self.logger = logger
        state = Mutex(State(endpoint: try S3Endpoint(options)))
    }

    /// Where requests go at the moment.
    var endpoint: S3Endpoint { state.withLock { $0.endpoint } }

    /// Sets what is added to the system's clock, as an answer does that says it is wrong.
    func setClockOffset(_ seconds: Int64) { state.withLock { $0.clockOffset = seconds } }

    /// Sends one request once.
    /// - Parameters:
    ///   - request: What to ask.
    ///   - timeout: How long it may take.
    ///   - onHead: Sees the head of a good answer, status 200 to 299; throws to refuse it.
    ///   - onBody: Takes the body of a good answer; throws to stop.
    /// - Returns: The head of the answer.
    /// - Throws: ``S3Failure``; `refused` for a status of 300 or more.
    func send(
        _ request: S3Request,
        timeout: Duration,
        onHead: (HTTPResponseHead) throws(S3Failure) -> Void = { (_) throws(S3Failure) in },
        onBody: (UnsafeRawBufferPointer) throws(S3Failure) -> Void
    ) throws(S3Failure) -> HTTPResponseHead {
        let used = try currentCredentials()
        let (endpoint, offset) = state.withLock { ($0.endpoint, $0.clockOffset) }
        let signing = S3Signing(
            endpoint: endpoint,
            credentials: used,
            now: CivilTime.now() + offset,
            requesterPays: options.requesterPays
        )
        var message = signer.signed(request, signing)
        message.totalTimeout = timeout
        if request.isSlow { message.stallTimeout = timeout }
        metrics.countRequest(request.operation)
        if let content = request.content { metrics.countSentBytes(request.operation, Int(content.count)) }
        var failure: S3Failure?
        var received = 0
        defer { if received > 0 { metrics.countBytes(request.operation, received) } }
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.stream(message) { head in
                guard (200..<300).contains(head.status) else { return false }
                do throws(S3Failure) { try onHead(head) } catch { failure = error }
                return true
            } onBody: { bytes in
                guard failure == nil else { return false }
                received += bytes.count
                do throws(S3Failure) { try onBody(bytes) } catch { failure = error }
                return failure == nil
            }
        } catch {
            throw failure ?? .transport(error)
        }
        if let failure { throw failure }
        guard (200..<300).contains(response.head.status) else {
            var answer = S3Answer(response)
            answer.accessKeyID = used?.accessKeyID
            answer.wasRepeated = response.wasRepeated
            throw .refused(answer)
        }
        return response.head
    }

    /// Runs attempts until one succeeds or nothing more helps.
    /// - Parameters:
    ///   - operation: For the metrics.
    ///   - object: What is asked for, for the texts of errors.
    ///   - limits: How long and how often.
    ///   - progress: How far the attempts have come, in bytes.
    ///   - attempt: Sends the request once.
    /// - Returns: What `attempt` returned.
    /// - Throws: ``GivenUp``.
    func retrying<Result>(
        _ operation: S3Operation,
        object: String,
        limits: S3RetryLimits,
        progress: () -> Int = { 0 },
        _ attempt: (Attempt) throws(S3Failure) -> Result
    ) throws(GivenUp) -> Result {
        let start = ContinuousClock.now
        var retry = S3Retry(limits: limits, object: object)
        var reached = 0
        while true {
            let failure: S3Failure
            do throws(S3Failure) {
                let left = limits.totalDeadline - start.duration(to: .now)
                return try attempt(Attempt(timeout: max(left, .milliseconds(1))))
            } catch {
                failure = error
            }
            metrics.countError(failure)
            let step = retry.step(
                after: failure,
                elapsed: start.duration(to: .now),
                hasProgressed: progress() > reached,
                random: Double.random(in: 0..<1)
            )
            reached = progress()
            try follow(step, failure, object)
            metrics.countRetry(operation)
        }
    }

    private func follow(_ step: S3Retry.Step, _ failure: S3Failure, _ object: String) throws(GivenUp) {
        switch step {
        case .again(let delay):
            logger.debug(
                "request to S3 failed, trying again",
                metadata: ["object": "\(object)", "why": "\(failure)"]
            )
            sleepThread(for: delay)
        case .relocate(let answer):
            let known = endpoint
            guard let moved = known.relocated(by: answer) else {
                throw GivenUp(
                    error: .unavailable("\(object): redirected by \(known.authority): \(answer.summary)"),
                    failure: failure
                )
            }
            logger.notice("bucket is in another region", metadata: ["region": "\(moved.region)"])
            state.withLock { $0.endpoint = moved }
        case .correctClock(let serverTime):
            let offset = serverTime - CivilTime.now()
            logger.warning("clock differs from the store's", metadata: ["seconds": "\(offset)"])
            setClockOffset(offset)
        case .refreshCredentials:
            renewCredentials(after: failure)
        case .giveUp(let error):
            throw GivenUp(error: error, failure: failure)
        }
    }

    /// Gives refused credentials back, unless another thread did so already and there are new ones.
    private func renewCredentials(after failure: S3Failure) {
        guard case .refused(let answer) = failure else { return }
        do throws(CredentialsError) {
            guard let current = try credentials.credentials(), current.accessKeyID == answer.accessKeyID
            else { return }
            credentials.invalidate(current)
        } catch {
            logger.debug("no credentials to give back", metadata: ["why": "\(error)"])
        }
    }

    private func currentCredentials() throws(S3Failure) -> Credentials? {
        guard !options.anonymous else { return nil }
        do throws(CredentialsError) { return try credentials.credentials() } catch {
            throw .credentials(error)
        }
    }
}
