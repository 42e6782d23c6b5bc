import HTTPTransport
import Metadata
import NIOCore
import NIOHTTP1
import Pages

/// The S3 API of a worker, for reading: buckets are the mount points, path style only.
///
/// Any credentials are accepted and no signature is looked at.
struct S3Responder: Responder {
    let state: WorkerState
    /// Reads from the worker that holds a file.
    let peers: PeerReads

    /// Marks a request that another worker sent here: it is served here, whatever the ring says.
    static let forwardedParameter = "x-alluxio-forwarded"

    func bodyMaximum(for request: ServedRequest) -> Int { 0 }

    func answer(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard request.head.method == .GET || request.head.method == .HEAD else {
            throw .refused(.notImplemented, "this worker is read-only for now; write to the store itself")
        }
        let path = PercentCoding.lenientlyDecoded(request.target.rawPath[...])
        let parts = path.dropFirst().split(
            separator: UInt8(ascii: "/"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        var answer: Answer
        if let bucket = parts.first, !bucket.isEmpty {
            let mount = try mount(Array(bucket))
            if parts.count == 2, !parts[1].isEmpty {
                answer = try object(Array(parts[1]), in: mount, request, mayWait: mayWait)
            } else {
                answer = try self.bucket(mount, request, mayWait: mayWait)
            }
        } else {
            answer = Self.document(S3Document.buckets(state.mounted))
        }
        answer.fields += everyField
        return answer
    }

    func answer(_ refusal: Refusal, to request: ServedRequest?) -> Answer {
        let document = S3Document.error(
            code: Self.code(refusal),
            message: refusal.message,
            resource: request?.target.rawPath ?? []
        )
        let fields = [(name: "Content-Type", value: "application/xml")] + refusal.fields + everyField
        return Answer(refusal.status, fields, .bytes(document))
    }

    private var everyField: [(name: String, value: String)] {
        [
            ("Server", "alluxio-worker"), ("Date", HTTPDate.header(HTTPDate.now())),
            ("X-Alluxio-Worker", state.options.version),
        ]
    }

    private static func document(_ text: [UInt8]) -> Answer {
        Answer(.ok, [("Content-Type", "application/xml")], .bytes(text))
    }

    private static func code(_ refusal: Refusal) -> String {
        switch refusal.status {
        case .notFound: refusal.isBucket ? "NoSuchBucket" : "NoSuchKey"
        case .preconditionFailed: "PreconditionFailed"
        case .rangeNotSatisfiable: "InvalidRange"
        case .forbidden: "AccessDenied"
        case .notImplemented: "NotImplemented"
        case .serviceUnavailable: "ServiceUnavailable"
        case .temporaryRedirect: "TemporaryRedirect"
        case .badRequest: "InvalidArgument"
        case .payloadTooLarge: "EntityTooLarge"
        default: "InternalError"
        }
    }

    private func mount(_ bucket: [UInt8]) throws(HTTPFailure) -> MountedStore {
        let path = [UInt8(ascii: "/")] + bucket
        if let mount = state.mounted.first(where: { $0.path.utf8.elementsEqual(path) }) { return mount }
        var refusal = Refusal(
            status: .notFound,
            message: "there is no mount point '\(String(decoding: bucket, as: UTF8.self))'"
        )
        refusal.isBucket = true
        throw .refusal(refusal)
    }

    // MARK: - Buckets

    private func bucket(_ mount: MountedStore, _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        if request.head.method == .HEAD { return Self.document([]) }
        if request.target.has("location") { return Self.document(S3Document.location()) }
        for name in ["acl", "policy", "versioning", "versions", "uploads", "tagging", "lifecycle", "cors"]
        where request.target.has(name) {
            throw .refused(.notImplemented, "'?\(name)' is not there")
        }
        let wish = try S3ListRequest(request)
        guard mayWait else { throw .wouldWait }
        var walk = S3KeyWalk(
            state,
            mount,
            prefix: wish.prefix,
            isFolded: wish.isFolded,
            marker: wish.after,
            itemsMaximum: wish.itemsMaximum
        )
        try walk.run()
        return Self.document(S3Document.list(Array(mount.path.utf8.dropFirst()), wish, walk))
    }

    // MARK: - Objects

    private func object(
        _ key: [UInt8],
        in mount: MountedStore,
        _ request: ServedRequest,
        mayWait: Bool
    ) throws(HTTPFailure) -> Answer {
        // What ends in a slash is a directory, and those are no objects here.
        guard key.last != UInt8(ascii: "/") else { throw .refused(.notFound, "there is no such object") }
        let location = try FileLocation(Array(mount.path.utf8) + [UInt8(ascii: "/")] + key, in: [mount])
        let owner = foreignOwner(of: location, request)
        if let owner, state.options.foreignFiles == .redirect, request.head.method == .GET {
            if let answer = redirect(to: owner, request) { return answer }
        }
        var wish = try VersionWish(request)
        wish.size = nil
        var range = ByteRange.whole
        let peer = state.options.foreignFiles == .proxy ? owner : nil
        let isRead = request.head.method != .HEAD && peer == nil
        let (opened, body) = try state.read(location, wish, isRead: isRead, mayWait: mayWait) {
            opened throws(HTTPFailure) in
            let size = opened.file.version.size
            range = ByteRange(request.field("Range"), size: size)
            switch range {
            case .whole: return [Span(offset: 0, count: Int(size))]
            case .part(let span): return [span]
            case .unsatisfiable: throw unsatisfiable(opened)
            }
        }
        if isNotModified(request, opened) { return Answer(.notModified, fields(opened), .bytes([])) }
        return answer(opened, body, range, from: peer)
    }

    private func answer(
        _ opened: OpenedVersion,
        _ body: SpanBody,
        _ range: ByteRange,
        from peer: WorkerAddress?
    ) -> Answer {
        let version = opened.file.version
        var fields = fields(opened)
        var span = Span(offset: 0, count: Int(version.size))
        var status = HTTPResponseStatus.ok
        if case .part(let part) = range {
            span = part
            status = .partialContent
            fields.append(("Content-Range", "bytes \(part.offset)-\(part.end - 1)/\(version.size)"))
        }
        guard let peer, !span.isEmpty else { return Answer(status, fields, .spans(body)) }
        return Answer(status, fields, .produced(peers.body(span, of: opened.file, from: peer)))
    }

    private func fields(_ opened: OpenedVersion) -> [(name: String, value: String)] {
        let version = opened.file.version
        let modified = opened.modified ?? 0
        return [
            ("Content-Type", "binary/octet-stream"), ("Accept-Ranges", "bytes"),
            ("Last-Modified", HTTPDate.header(modified / 1_000_000_000)),
        ] + state.versionFields(version.etag, size: version.size, modified: modified)
    }

    private func isNotModified(_ request: ServedRequest, _ opened: OpenedVersion) -> Bool {
        guard let known = request.field("If-None-Match") else { return false }
        let etag = "\"\(opened.file.version.etag)\""
        return known == "*" || known.split(separator: ",").contains { $0.drop { $0 == " " } == etag }
    }

    private func unsatisfiable(_ opened: OpenedVersion) -> HTTPFailure {
        let size = opened.file.version.size
        var refusal = Refusal(
            status: .rangeNotSatisfiable,
            message: "the range lies outside of the \(size) bytes"
        )
        refusal.fields = [("Content-Range", "bytes */\(size)")]
        return .refusal(refusal)
    }

    // MARK: - Files of other workers

    private func foreignOwner(of location: FileLocation, _ request: ServedRequest) -> WorkerAddress? {
        guard state.options.foreignFiles != .serve, !request.target.has(Self.forwardedParameter) else {
            return nil
        }
        return state.directory.owner(of: location.uri)
    }

    private func redirect(to owner: WorkerAddress, _ request: ServedRequest) -> Answer? {
        guard let port = owner.s3Port else { return nil }
        let separator = request.head.uri.contains("?") ? "&" : "?"
        let path = String(decoding: request.target.rawPath, as: UTF8.self)
        let query = request.head.uri.split(separator: "?", maxSplits: 1).dropFirst().map { "?\($0)" }.joined()
        let target = "\(path)\(query)\(separator)\(Self.forwardedParameter)=1"
        let document = S3Document.error(
            code: "TemporaryRedirect",
            message: "another worker holds this object",
            resource: request.target.rawPath
        )
        return Answer(
            .temporaryRedirect,
            [
                ("Location", "http://\(owner.host):\(port)\(target)"), ("Content-Type", "application/xml"),
            ],
            .bytes(document)
        )
    }
}
