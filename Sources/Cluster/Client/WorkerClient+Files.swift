internal import FoundationEssentials
import HTTPTransport
import Metadata
import Pages

/// Bytes and attributes of files, from our own workers.
extension WorkerClient {
    /// Reads one span of one version.
    /// - Parameters:
    ///   - span: Not empty, inside of the version.
    ///   - version: Which one; its length goes along, so that the worker need not ask the store for it.
    ///   - stop: Whom to ask.
    ///   - limit: How long the first byte may take.
    ///   - delivered: Grows by what the sink has got, also when it throws.
    ///   - sink: Takes the bytes.
    /// - Returns: Nanoseconds to the head of the answer.
    /// - Throws: What went wrong; ``WorkerFailure/stale`` if the worker has another version.
    func read(
        _ span: Span,
        of version: AskedVersion,
        at stop: ReadRoute.Stop,
        limit: Duration,
        delivered: inout Int,
        into sink: SpanSink
    ) throws(WorkerFailure) -> Int64 {
        let worker = stop.link.worker
        let request = HTTPRequest(
            url: WorkerURL.range(stop.url, span),
            headers: [("If-Match", version.etag), ("X-Alluxio-File-Size", version.size)]
        )
        let transfer = Transfer(request: request, worker: worker, count: span.count, limit: limit) { head in
            Self.problem(of: head, version, worker)
        }
        return try stream(transfer, delivered: &delivered, into: sink)
    }

    /// What is wrong with an answer about a version; nil if nothing is.
    private static func problem(of head: HTTPResponseHead, _ version: AskedVersion, _ worker: WorkerCandidate)
        -> WorkerFailure?
    {
        guard head.bytes(of: ownField) != nil else {
            return .wrong("\(worker.host): the answer is not one of our workers'")
        }
        guard head.bytes(of: "etag")?.elementsEqual(version.etag.utf8) == true else { return .stale }
        if let size = head.bytes(of: "x-alluxio-size"), !size.elementsEqual(version.size.utf8) {
            return .stale
        }
        return nil
    }

    /// What one name stands for.
    /// - Parameters:
    ///   - uri: The file.
    ///   - known: What it was last known to be.
    ///   - worker: Whom to ask.
    ///   - age: How old the answer may be; negative for any age.
    /// - Returns: Its attributes.
    /// - Throws: ``WorkerFailure/missing`` if there is no such name, or what went wrong.
    func attributes(
        of uri: UFSURI,
        known: EntryKind?,
        at worker: WorkerCandidate,
        age: Duration
    ) throws(WorkerFailure) -> Attributes {
        let hint = known.map { [("known", $0 == .directory ? "directory" : "file")] } ?? []
        let request = HTTPRequest(
            url: WorkerURL(worker).named("attributes", uri, hint),
            headers: [("Cache-Control", Self.cacheControl(age))]
        )
        let response = try document(
            request,
            from: worker,
            isOurs: true,
            limitBytes: Self.messageMaximumBytes
        )
        guard let text = try? JSONDecoder().decode(AttributesText.self, from: Data(response.body)),
            let attributes = text.attributes
        else { throw .wrong("\(worker.host): attributes of \(uri) that can't be read") }
        return attributes
    }

    /// One page of a directory.
    /// - Parameters:
    ///   - uri: The directory.
    ///   - token: Where to go on; nil for the first page.
    ///   - worker: Whom to ask.
    ///   - age: How old the answer may be; negative for any age.
    /// - Returns: The page, checked whole.
    /// - Throws: ``WorkerFailure/forgotten`` for a token that is not known any more, or what went wrong.
    func entries(
        of uri: UFSURI,
        token: String?,
        at worker: WorkerCandidate,
        age: Duration
    ) throws(WorkerFailure) -> EntriesPage {
        let request = HTTPRequest(
            url: WorkerURL(worker).named("entries", uri, token.map { [("token", $0)] } ?? []),
            headers: [("Cache-Control", Self.cacheControl(age))]
        )
        let response = try document(request, from: worker, isOurs: true, limitBytes: Self.pageMaximumBytes)
        guard let page = EntriesPage(response.body) else {
            throw .wrong("\(worker.host): entries of \(uri) that can't be read")
        }
        return page
    }

    /// The longest page of a directory, in bytes: 5000 names of 255 bytes, each byte encoded as three.
    private static let pageMaximumBytes = 8 << 20

    /// A year stands for ever.
    private static func cacheControl(_ age: Duration) -> String {
        guard age >= .zero else { return "max-age=31536000" }
        let milliseconds = min(age.wholeNanoseconds / 1_000_000, 31_536_000_000)
        let fraction = milliseconds % 1000
        let zeros = fraction < 10 ? "00" : fraction < 100 ? "0" : ""
        return "max-age=\(milliseconds / 1000)" + (fraction == 0 ? "" : ".\(zeros)\(fraction)")
    }
}

/// The answer of `/v1/attributes`.
private struct AttributesText: Decodable {
    var kind: String
    var size: Int64
    var modifiedNs: Int64
    var etag: String?

    var attributes: Attributes? {
        guard let kind = EntryKind(letter: kind.utf8.first), size >= 0, kind != .file || etag != nil else {
            return nil
        }
        return Attributes(kind: kind, size: size, modified: modifiedNs, etag: etag.map { ETag($0) })
    }
}

extension EntryKind {
    /// The kind whose word begins with a letter.
    init?(letter: UInt8?) {
        switch letter {
        case UInt8(ascii: "f"): self = .file
        case UInt8(ascii: "d"): self = .directory
        case UInt8(ascii: "l"): self = .symbolicLink
        case UInt8(ascii: "s"): self = .special
        default: return nil
        }
    }
}
