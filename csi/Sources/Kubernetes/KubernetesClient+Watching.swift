public import HTTPTransport

/// What happened to an object.
public enum WatchEvent: Hashable, Sendable {
    /// It is new.
    case added(JSON)
    /// It is different.
    case modified(JSON)
    /// It is gone; what it was last.
    case deleted(JSON)
}

/// How a watch ended.
public struct WatchEnd: Hashable, Sendable {
    /// Whether the caller ended it; else its time was over or the connection broke.
    public let wasStopped: Bool
    /// What to watch from next.
    public let resourceVersion: String
}

extension KubernetesClient {
    /// Tells what happens to objects from a moment on, until the caller has heard enough.
    ///
    /// It is one request: it is not repeated.
    /// - Parameters:
    ///   - resource: Their kind.
    ///   - namespace: Their namespace; nil for all, or for kinds that are in none.
    ///   - selection: Which of them.
    ///   - version: The moment: of a list, or of the end of another watch.
    ///   - deadline: When to end.
    ///   - cancellation: What ends it early, within about a second; nil for nothing.
    ///   - onEvent: Gets what happens, in order, on the caller's thread. Returns whether to go on.
    /// - Returns: How it ended.
    /// - Throws: ``KubernetesError``; ``KubernetesError/gone(_:)`` if the moment is too long ago: list again.
    public func watch(
        _ resource: KubernetesResource,
        in namespace: String?,
        _ selection: KubernetesSelection = KubernetesSelection(),
        from version: String,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil,
        onEvent: (WatchEvent) -> Bool
    ) throws(KubernetesError) -> WatchEnd {
        let left = ContinuousClock.now.duration(to: deadline)
        var call = APICall("watch", resource, namespace, nil, path: try resource.path(nil, in: namespace))
        call.query =
            try selection.query() + [
                ("watch", "1"), ("allowWatchBookmarks", "true"), ("resourceVersion", version),
                ("timeoutSeconds", "\(max(left.components.seconds, 1))"),
            ]
        var stream = WatchStream(version: version, lineMaximumBytes: options.answerMaximumBytes)
        do throws(APIFailure) {
            let (request, token) = try prepare(call, timeout: left, cancellation)
            try run(request, call, token, &stream, onEvent)
        } catch {
            throw error.error
        }
        if cancellation?.isCancelled == true, !stream.wasStopped { throw .cancelled }
        if let error = stream.error(of: call.what) { throw error }
        return WatchEnd(wasStopped: stream.wasStopped, resourceVersion: stream.version)
    }

    private func run(
        _ request: HTTPRequest,
        _ call: APICall,
        _ token: String,
        _ stream: inout WatchStream,
        _ onEvent: (WatchEvent) -> Bool
    ) throws(APIFailure) {
        var hasBegun = false
        let response: HTTPResponse
        do throws(TransportError) {
            response = try self.stream(request) { head in
                hasBegun = head.status == 200
                return hasBegun
            } onBody: { bytes in
                stream.take(bytes, onEvent)
            }
        } catch {
            // A stream that began may break at any time, and its time ends in the middle of it.
            guard hasBegun else { throw APIFailure(error, of: call) }
            return
        }
        guard hasBegun else {
            throw APIFailure(response.head, body: try? JSON(reading: response.body), of: call, hiding: token)
        }
    }
}

/// What is known of a watch from the lines that came; no I/O.
struct WatchStream {
    /// What to watch from next.
    private(set) var version: String
    /// Whether the caller has heard enough.
    private(set) var wasStopped = false
    private var lines: LineSplitter
    private var status: APIStatus?
    private var isUnusable = false

    init(version: String, lineMaximumBytes: Int) {
        self.version = version
        lines = LineSplitter(lineMaximumBytes: lineMaximumBytes)
    }

    /// Takes a piece of the stream; returns whether to go on.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ onEvent: (WatchEvent) -> Bool) -> Bool {
        var found: [[UInt8]] = []
        let isShort = lines.take(bytes) { line in
            found.append(line)
            return true
        }
        for line in found where !take(line, onEvent) { return false }
        isUnusable = !isShort
        return isShort
    }

    private mutating func take(_ line: [UInt8], _ onEvent: (WatchEvent) -> Bool) -> Bool {
        let event = try? JSON(reading: line)
        guard let type = event?["type"]?.string, let object = event?["object"] else {
            isUnusable = true
            return false
        }
        if type == "ERROR" {
            status = APIStatus(code: 500, body: object)
            return false
        }
        let heard: WatchEvent? =
            switch type {
            case "ADDED": .added(object)
            case "MODIFIED": .modified(object)
            case "DELETED": .deleted(object)
            default: nil  // A bookmark, which only moves the version on.
            }
        let next = ObjectMetadata(of: object).resourceVersion
        if !next.isEmpty { version = next }
        wasStopped = heard.map { !onEvent($0) } ?? false
        return !wasStopped
    }

    /// What the stream itself said went wrong.
    func error(of what: String) -> KubernetesError? {
        if let status { return status.error(what, hiding: "") }
        return isUnusable ? .unusable("\(what): a line of the stream is too long or no event") : nil
    }
}
