import HTTPTransport
import Pages

/// Asks one worker at a time over HTTP, each request with its deadlines.
///
/// Knows the wire and nothing of rings, breakers and fallbacks. Any thread may use it; a request runs and
/// waits on the caller's thread.
struct WorkerClient: Sendable {
    /// The field by which our workers show themselves; its value is their version.
    static let ownField = "x-alluxio-worker"
    /// A body is not judged for its speed before this time.
    static let paceGrace = Duration.seconds(1)

    private let transport: HTTPTransport
    private let options: ClusterOptions

    /// A client with connections of its own.
    init(_ options: ClusterOptions) {
        var transport = HTTPTransportOptions()
        transport.isPrecise = true
        transport.connectTimeout = options.connectTimeout
        transport.stallTimeout = options.patience
        transport.totalTimeout = options.totalTimeout
        transport.idleConnectionsMaximum = options.idleConnectionsMaximum
        // Workers are neighbours, and the way to them leads past no proxy.
        transport.usesProxies = false
        self.transport = HTTPTransport(options: transport)
        self.options = options
    }

    /// Closes connections that nobody has used for a while.
    func closeConnections(idleFor age: Duration) { transport.closeConnections(idleFor: age) }

    /// Asks whether a worker lives.
    /// - Parameters:
    ///   - worker: Which one.
    ///   - limit: How long it may take in all.
    /// - Returns: Whether it is one of ours.
    /// - Throws: Why it is not well.
    func isOurs(_ worker: WorkerCandidate, within limit: Duration) throws(WorkerFailure) -> Bool {
        var request = HTTPRequest(url: WorkerURL(worker).health, totalTimeout: limit)
        request.firstByteTimeout = limit
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.send(request, bodyLimitBytes: Self.messageMaximumBytes)
        } catch {
            throw failure(error, worker)
        }
        guard response.head.status == 200 else {
            throw .status(response.head.status, "\(worker.host): not well")
        }
        return response.head.bytes(of: Self.ownField) != nil
    }

    /// The longest document about one file or about an error, in bytes.
    static let messageMaximumBytes = 64 << 10

    /// One GET whose body is bytes of a file.
    struct Transfer {
        var request: HTTPRequest
        var worker: WorkerCandidate
        /// How many bytes the body must have.
        var count: Int
        /// How long the first byte may take.
        var limit: Duration
        /// What is wrong with a head of status 200 or 206; nil if it is right.
        var check: (HTTPResponseHead) -> WorkerFailure?
    }

    /// Streams a body of exactly the length that is asked for.
    /// - Parameters:
    ///   - transfer: What to ask.
    ///   - delivered: Grows by what the sink has got, also when it throws.
    ///   - sink: Takes the bytes.
    /// - Returns: Nanoseconds to the head of the answer.
    /// - Throws: What went wrong; ``WorkerFailure/sink(_:)`` with what the sink threw.
    func stream(
        _ transfer: Transfer,
        delivered: inout Int,
        into sink: SpanSink
    ) throws(WorkerFailure) -> Int64 {
        var state = TransferState(left: transfer.count, began: .now)
        var request = transfer.request
        request.firstByteTimeout = transfer.limit
        if let token = options.token { request.headers.append(("Authorization", "Bearer \(token)")) }
        defer { delivered += state.delivered }
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.stream(request) { head in
                state.take(head, transfer)
            } onBody: { bytes in
                state.take(bytes, options.bytesPerSecondMinimum, transfer.worker, sink)
            }
        } catch {
            if let failure = state.failure { throw failure }
            // A worker that has begun to answer has the bytes: it does not wait for the store, it is stuck.
            let isSlow = state.firstByte != nil || transfer.limit < options.patience
            throw failure(error, transfer.worker, isSlow: isSlow)
        }
        if let failure = state.failure { throw failure }
        guard response.head.status == 200 || response.head.status == 206 else {
            throw WorkerFailure(response, transfer.worker)
        }
        guard state.left == 0 else {
            throw .wrong("\(transfer.worker.host): \(state.left) bytes are missing")
        }
        return state.firstByte ?? 0
    }

    /// One GET whose body is a document.
    /// - Returns: Head and body of an answer of status 200 from one of our workers, or from any.
    func document(
        _ request: HTTPRequest,
        from worker: WorkerCandidate,
        isOurs: Bool,
        limitBytes: Int
    ) throws(WorkerFailure) -> HTTPResponse {
        var request = request
        request.firstByteTimeout = options.patience
        if let token = options.token { request.headers.append(("Authorization", "Bearer \(token)")) }
        let response: HTTPResponse
        do throws(TransportError) {
            response = try transport.send(request, bodyLimitBytes: limitBytes)
        } catch {
            throw failure(error, worker)
        }
        guard !isOurs || response.head.bytes(of: Self.ownField) != nil else {
            throw .wrong("\(worker.host): the answer is not one of our workers'")
        }
        guard response.head.status == 200 else { throw WorkerFailure(response, worker) }
        return response
    }

    /// What a failed exchange says of a worker; `isSlow` of one that let its time run out: slow, not dead.
    private func failure(
        _ error: TransportError,
        _ worker: WorkerCandidate,
        isSlow: Bool = false
    ) -> WorkerFailure {
        switch error {
        case .cannotConnect(let text), .untrusted(let text): .connect(text)
        case .timedOut(let text): isSlow ? .slow(text) : .silent(text)
        case .broken(let text): .broken(text)
        case .tooLarge(let limit): .wrong("\(worker.host): an answer of more than \(limit) bytes")
        case .invalid(let text): .wrong(text)
        case .stopped: .broken("\(worker.host): the transfer was stopped")
        }
    }
}

/// What a transfer has come to so far; lives on the stack of the thread that waits for it.
private struct TransferState {
    var left: Int
    var delivered = 0
    var firstByte: Int64?
    var failure: WorkerFailure?
    private let began: ContinuousClock.Instant
    /// When the head had come: from then on the worker's pace counts.
    private var bodyBegan: ContinuousClock.Instant

    init(left: Int, began: ContinuousClock.Instant) {
        self.left = left
        self.began = began
        bodyBegan = began
    }

    mutating func take(_ head: HTTPResponseHead, _ transfer: WorkerClient.Transfer) -> Bool {
        bodyBegan = .now
        firstByte = began.duration(to: bodyBegan).wholeNanoseconds
        guard head.status == 200 || head.status == 206 else { return false }
        failure = transfer.check(head)
        if failure == nil, let length = head.bytes(of: "content-length"),
            !length.elementsEqual("\(transfer.count)".utf8)
        {
            let text = String(decoding: length, as: UTF8.self)
            failure = .wrong("\(transfer.worker.host): \(text) bytes instead of \(transfer.count)")
        }
        return failure == nil
    }

    mutating func take(
        _ bytes: UnsafeRawBufferPointer,
        _ paceMinimum: Int,
        _ worker: WorkerCandidate,
        _ sink: SpanSink
    ) -> Bool {
        guard bytes.count <= left else {
            failure = .wrong("\(worker.host): more bytes than were asked for")
            return false
        }
        do throws(StoreError) {
            try sink(bytes)
        } catch {
            failure = .sink(error)
            return false
        }
        left -= bytes.count
        delivered += bytes.count
        guard paceMinimum > 0, left > 0, isTooSlow(paceMinimum) else { return true }
        failure = .slow("\(worker.host): \(delivered) bytes in \(bodyBegan.duration(to: .now))")
        return false
    }

    private func isTooSlow(_ paceMinimum: Int) -> Bool {
        let time = bodyBegan.duration(to: .now)
        guard time > WorkerClient.paceGrace else { return false }
        return Double(delivered) < Double(paceMinimum) * Double(time.wholeNanoseconds) / 1e9
    }
}

extension WorkerFailure {
    /// What an answer that is no success means.
    init(_ response: HTTPResponse, _ worker: WorkerCandidate) {
        let status = response.head.status
        let text = String(decoding: response.body.prefix(Self.shownBytes), as: UTF8.self)
        switch status {
        case 404: self = .missing
        case 410: self = .forgotten
        case 412: self = .stale
        case 408, 500...: self = .status(status, "\(worker.host): \(text)")
        default: self = .refused(status, "\(worker.host): \(text)")
        }
    }

    /// How much of an error document is kept.
    private static let shownBytes = 256
}
