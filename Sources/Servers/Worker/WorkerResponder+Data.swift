import NIOCore
import NIOHTTP1
import Pages

/// The endpoints that give bytes of a file.
extension WorkerResponder {
    /// `/v1/file/{id}/page/{index}`: a page, or a part of it; short at the end of the file.
    func page(_ id: [UInt8], _ index: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        let location = try locate(id, request)
        let page = try PageSpan(index, request, pageBytes: options.pageBytes)
        return try data(location, request, mayWait: mayWait) { opened throws(HTTPFailure) in
            [try page.span(size: opened.file.version.size)]
        }
    }

    /// `/v1/range/{id}`: any range, or several spans one after the other.
    func range(_ id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        let location = try locate(id, request)
        if let text = request.target.text("spans") {
            let spans = try RequestedSpans.parse(text)
            return try data(location, request, mayWait: mayWait) { opened throws(HTTPFailure) in
                guard spans.allSatisfy({ $0.end <= opened.file.version.size }) else {
                    throw unsatisfiable(opened)
                }
                return spans
            }
        }
        let offset = try request.number("offset", or: 0)
        let length = try request.number("length", or: -1)
        guard offset >= 0, length >= -1 else {
            throw .refused(.badRequest, "offset=\(offset)&length=\(length) is no range")
        }
        return try data(location, request, mayWait: mayWait) { opened throws(HTTPFailure) in
            let size = opened.file.version.size
            guard offset <= size else { throw unsatisfiable(opened) }
            let left = size - offset
            return [Span(from: offset, to: offset + (length < 0 ? left : min(length, left)))]
        }
    }

    /// `/v1/chunk/{id}`: the whole file in chunks.
    func chunk(_ id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        let location = try locate(id, request)
        let chunk = try request.number("chunkSize", or: 1 << 20)
        guard chunk > 0 else { throw .refused(.badRequest, "chunkSize=\(chunk) is no length") }
        var answer = try data(location, request, mayWait: mayWait) { opened in
            [Span(offset: 0, count: Int(opened.file.version.size))]
        }
        answer.isChunked = true
        if case .spans(var body) = answer.body {
            body.stepMaximum = Int(clamping: max(chunk, 4096))
            answer.body = .spans(body)
        }
        return answer
    }

    /// Which end of a file is wanted.
    enum FileEnd {
        case head
        case tail
    }

    /// `/v1/head/{id}` and `/v1/tail/{id}`: the first or last bytes.
    func end(_ which: FileEnd, of id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        let location = try locate(id, request)
        let count = try request.number("numOfBytes", or: 1024)
        guard count >= 0 else { throw .refused(.badRequest, "numOfBytes=\(count) is no length") }
        return try data(location, request, mayWait: mayWait) { opened in
            let size = opened.file.version.size
            let count = min(count, size)
            return [Span(offset: which == .head ? 0 : size - count, count: Int(count))]
        }
    }

    private func data(
        _ location: FileLocation,
        _ request: ServedRequest,
        mayWait: Bool,
        choose: (OpenedVersion) throws(HTTPFailure) -> [Span]
    ) throws(HTTPFailure) -> Answer {
        let wish = try VersionWish(request)
        let isRead = request.head.method != .HEAD
        let (opened, body) = try state.read(
            location,
            wish,
            isRead: isRead,
            mayWait: mayWait,
            choose: choose
        )
        let version = opened.file.version
        var fields = [(name: "Content-Type", value: "text/plain")]
        fields += state.versionFields(version.etag, size: version.size, modified: opened.modified)
        if let age = opened.age { fields.append(Self.ageField(age)) }
        return Answer(.ok, fields, .spans(body))
    }

    /// How old the worker's knowledge is, for a client that adds its own.
    static func ageField(_ age: Duration) -> (name: String, value: String) {
        let (seconds, attoseconds) = age.components
        return ("X-Alluxio-Age-Ms", "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)")
    }

    private func unsatisfiable(_ opened: OpenedVersion) -> HTTPFailure {
        let version = opened.file.version
        var refusal = Refusal(
            status: .rangeNotSatisfiable,
            message: "\(version.uri) has only \(version.size) bytes"
        )
        refusal.fields = state.versionFields(version.etag, size: version.size, modified: opened.modified)
        return .refusal(refusal)
    }

    // MARK: - A page that a client brings

    /// POST of a page: the page is in the cache afterwards, if it is what the store has.
    ///
    /// The cache keeps what the store says of a version and nothing else, so the bytes are read through and
    /// compared. A page that differs is refused.
    func post(_ id: [UInt8], _ index: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        guard mayWait else { throw .wouldWait }
        let location = try locate(id, request)
        guard let bytes = request.body, bytes.readableBytes > 0 else {
            throw .refused(.badRequest, "The HTTP request doesn't have body content")
        }
        let page = try PageSpan(index, pageBytes: options.pageBytes)
        let opened = try state.open(location, try VersionWish(request), mayWait: true)
        let span = try page.span(size: opened.file.version.size)
        let isSame: Bool
        do throws(StoreError) {
            isSame = try PageComparison.isSame(bytes, opened.file, span)
        } catch {
            throw HTTPFailure(error, location)
        }
        guard isSame else {
            throw .refused(
                .conflict,
                "Failed to write page: \(location.uri) has other bytes in its store; write them there first"
            )
        }
        return .json(
            .object([
                ("mSuccess", .bool(true)), ("success", .bool(true)),
                ("mMessage", .string("Page written successfully")),
            ])
        )
    }
}

/// Which part of which page is wanted.
///
/// Pure.
struct PageSpan: Equatable {
    let start: Int64
    let offset: Int64
    let length: Int64
    private let index: Int64

    /// Reads index, `offset` and `length` of a request; `length` without `offset` is not looked at.
    init(_ text: [UInt8], _ request: ServedRequest, pageBytes: Int) throws(HTTPFailure) {
        let hasOffset = request.target.has("offset")
        let offset = try request.number("offset", or: 0)
        let left = Int64(pageBytes) - offset
        let length = hasOffset ? try request.number("length", or: left) : left
        guard offset >= 0, offset <= Int64(pageBytes), length >= 0 else {
            throw .refused(.badRequest, "offset=\(offset)&length=\(length) is no part of a page")
        }
        try self.init(text, offset: offset, length: min(length, left), pageBytes: pageBytes)
    }

    /// The whole page.
    init(_ text: [UInt8], pageBytes: Int) throws(HTTPFailure) {
        try self.init(text, offset: 0, length: Int64(pageBytes), pageBytes: pageBytes)
    }

    private init(_ text: [UInt8], offset: Int64, length: Int64, pageBytes: Int) throws(HTTPFailure) {
        let text = String(decoding: text, as: UTF8.self)
        guard let index = Int64(text), index >= 0 else {
            throw .refused(.badRequest, "'\(text)' is no page number")
        }
        let (start, overflow) = index.multipliedReportingOverflow(by: Int64(pageBytes))
        guard !overflow, start <= Int64.max - Int64(pageBytes) else {
            throw .refused(.notFound, "there is no page \(text)")
        }
        self.index = index
        self.start = start
        self.offset = offset
        self.length = length
    }

    /// The bytes of the file; empty where the part begins exactly at the end of the page.
    /// - Throws: A 404 behind the last page, a 416 behind the last byte of the last page.
    func span(size: Int64) throws(HTTPFailure) -> Span {
        guard index == 0 || start < size else {
            throw .refused(.notFound, "there is no page \(index): the file has \(size) bytes")
        }
        guard start + offset <= size else {
            throw .refused(.rangeNotSatisfiable, "page \(index) has only \(size - start) bytes")
        }
        return Span(from: start + offset, to: min(start + offset + length, size))
    }
}

/// The spans of a request with several.
///
/// Pure.
enum RequestedSpans {
    /// Reads `offset-length,offset-length,…`, decimal.
    /// - Throws: A 400 for another form or too many, and for more bytes than one request may ask for.
    static func parse(_ text: String) throws(HTTPFailure) -> [Span] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= WorkerLimits.spansMaximum else {
            throw .refused(.badRequest, "more than \(WorkerLimits.spansMaximum) spans in one request")
        }
        var spans: [Span] = []
        var total: Int64 = 0
        for part in parts {
            let numbers = part.split(separator: "-", omittingEmptySubsequences: false)
            guard numbers.count == 2, let offset = Int64(numbers[0]), let count = Int64(numbers[1]),
                offset >= 0, count >= 0, count <= WorkerLimits.spanBytesMaximum,
                offset <= Int64.max - count
            else { throw .refused(.badRequest, "'\(part)' is no span; write offset-length") }
            total += count
            spans.append(Span(offset: offset, count: Int(count)))
        }
        guard total <= WorkerLimits.spanBytesMaximum else {
            throw .refused(.badRequest, "the spans have more than \(WorkerLimits.spanBytesMaximum) bytes")
        }
        return spans
    }
}
