import Metadata
import NIOCore
import NIOHTTP1
import NIOPosix
import Pages

/// Which version a client wants to read.
struct VersionWish: Sendable {
    /// The version that the client knows; nil: whatever there is.
    var etag: ETag?
    /// The length of that version, if the client says it: then the store need not be asked.
    var size: Int64?
    /// How old the worker's knowledge of the version may be.
    var age = MetadataAge.usual

    /// Any version.
    init() {}

    /// Reads `If-Match`, `X-Alluxio-File-Size` and `Cache-Control`.
    init(_ request: ServedRequest) throws(HTTPFailure) {
        age = MetadataAge(cacheControl: request.field("Cache-Control"))
        guard let text = request.field("If-Match"), text != "*" else { return }
        let bare = text.hasPrefix("\"") && text.hasSuffix("\"") && text.utf8.count >= 2
        etag = ETag(bare ? String(text.dropFirst().dropLast()) : text)
        guard let length = request.field("X-Alluxio-File-Size") else { return }
        guard let size = Int64(length), size >= 0 else {
            throw .refused(.badRequest, "X-Alluxio-File-Size: \(length) is no length")
        }
        self.size = size
    }
}

/// A version that is open for a request.
struct OpenedVersion: Sendable {
    let file: any PageFile
    /// Last change in nanoseconds since 1970; nil if this worker has not asked.
    let modified: Int64?
    /// How old the knowledge is that this is the version there is; nil if nobody asked.
    let age: Duration?
}

extension WorkerState {
    /// Opens what a client wants to read.
    /// - Throws: A 404, a 412 with the version there is, or what the store said.
    func open(_ location: FileLocation, _ wish: VersionWish, mayWait: Bool) throws(HTTPFailure)
        -> OpenedVersion
    {
        if let etag = wish.etag, let size = wish.size {
            let version = FileVersion(uri: location.uri, etag: etag, size: size)
            return OpenedVersion(file: try open(version, mayWait), modified: nil, age: nil)
        }
        var (attributes, age) = try attributes(of: location, wish.age, known: .file, mayWait: mayWait)
        if let etag = wish.etag, attributes.etag != etag {
            guard mayWait else { throw .wouldWait }
            attributes = try revalidate(location, wish.age)
            age = .zero
            guard attributes.etag == etag else { throw preconditionFailed(location, attributes) }
        }
        guard attributes.kind == .file, let etag = attributes.etag else {
            throw .refused(.notFound, "\(location.uri) is a directory or a special file")
        }
        let version = FileVersion(uri: location.uri, etag: etag, size: attributes.size)
        return OpenedVersion(file: try open(version, mayWait), modified: attributes.modified, age: age)
    }

    private func open(_ version: FileVersion, _ mayWait: Bool) throws(HTTPFailure) -> any PageFile {
        guard let file = files.open(version, mayWait: mayWait) else { throw .wouldWait }
        return file
    }

    private func preconditionFailed(_ location: FileLocation, _ attributes: Attributes) -> HTTPFailure {
        var refusal = Refusal(
            status: .preconditionFailed,
            message: "\(location.uri) has another version than asked for"
        )
        if let etag = attributes.etag {
            refusal.fields = versionFields(etag, size: attributes.size, modified: attributes.modified)
        }
        return .refusal(refusal)
    }

    /// The header fields that tell of a version.
    func versionFields(_ etag: ETag, size: Int64, modified: Int64?) -> [(name: String, value: String)] {
        var fields = [("ETag", "\"\(etag)\""), ("X-Alluxio-Size", "\(size)")]
        if let modified { fields.append(("X-Alluxio-Modified-Ns", "\(modified)")) }
        return fields.map { (name: $0.0, value: $0.1) }
    }

    /// Reads spans of a file for an answer; begins again with the new version if the file was replaced and
    /// the client named none.
    /// - Parameters:
    ///   - location: Which file.
    ///   - wish: Which version.
    ///   - isRead: Whether bytes are wanted, not only their length.
    ///   - mayWait: Whether the store may be asked.
    ///   - choose: Gives the spans, once the version is known.
    /// - Returns: The version and its spans, whose first bytes are at hand.
    /// - Throws: A 404, a 412 with the version there is, what `choose` threw, or what the store said.
    func read(
        _ location: FileLocation,
        _ wish: VersionWish,
        isRead: Bool,
        mayWait: Bool,
        choose: (OpenedVersion) throws(HTTPFailure) -> [Span]
    ) throws(HTTPFailure) -> (opened: OpenedVersion, body: SpanBody) {
        var attempts = 0
        while true {
            let opened = try open(location, wish, mayWait: mayWait)
            let spans = try choose(opened)
            do throws(StoreError) {
                return (opened, try body(opened.file, spans, isRead: isRead, mayWait: mayWait))
            } catch .stale {
                files.forget(opened.file.version)
                let fresh = try revalidate(location, wish.age)
                if wish.etag != nil { throw preconditionFailed(location, fresh) }
                attempts += 1
                guard attempts < WorkerLimits.replacedMaximum else {
                    throw .refused(.serviceUnavailable, "\(location.uri) is replaced all the time; try again")
                }
            } catch {
                throw HTTPFailure(error, location)
            }
        }
    }

    private func body(_ file: any PageFile, _ spans: [Span], isRead: Bool, mayWait: Bool) throws(StoreError)
        -> SpanBody
    {
        let steps = SpanCursor(
            spans,
            stepBytes: options.http.stepBytes,
            windowBytes: WorkerLimits.windowBytes
        )
        var body = SpanBody(file: file, cursor: steps)
        guard isRead, let step = body.cursor.next() else { return body }
        var held = file.resident(step.span)
        guard held != nil || mayWait else { throw .wouldWait }
        SpanAhead.load(step.ahead, of: file, on: pool)
        if held == nil { held = try file.read(step.span, asking: step.ask) }
        body.first = held.map { HeldBytes($0) }
        return body
    }
}
