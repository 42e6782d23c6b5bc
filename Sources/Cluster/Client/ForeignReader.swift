import HTTPTransport
import Metadata
import Pages

/// Reads a version from a worker that is not ours, by pages.
///
/// Such a worker has no ETag, and never asks the store again, and it closes the connection where it has
/// nothing to say. So what it says of a file is compared with the version before its bytes are used.
struct ForeignReader {
    let link: WorkerLink
    let client: WorkerClient
    let policy: ForeignWorkers
    /// Says when a version was last changed; nil if nobody knows.
    let modified: (FileVersion) -> Int64?

    /// Reads one span.
    /// - Parameters:
    ///   - span: Not empty, inside of the version.
    ///   - version: Which one.
    ///   - limit: How long the first byte of each answer may take.
    ///   - delivered: Grows by what the sink has got, also when it throws.
    ///   - sink: Takes the bytes.
    /// - Returns: Nanoseconds to the head of the first page's answer.
    /// - Throws: What went wrong; ``WorkerFailure/foreignMiss`` if the worker does not have it.
    func read(
        _ span: Span,
        of version: FileVersion,
        limit: Duration,
        delivered: inout Int,
        into sink: SpanSink
    ) throws(WorkerFailure) -> Int64? {
        let known = try checked(version, atMostOld: nil)
        let pageBytes = try pageBytes(of: version, known, limit)
        var firstByte: Int64?
        for piece in ForeignPiece.pieces(of: span, pageBytes: pageBytes) {
            let isLast = piece.index * pageBytes + piece.part.end == version.size
            if isLast { _ = try checked(version, atMostOld: ForeignKnowledge.lastPageFreshness) }
            let time = try read(piece, of: version, limit, &delivered, sink)
            firstByte = firstByte ?? time
        }
        return firstByte
    }

    /// What the worker says of the version, which agrees with it.
    private func checked(_ version: FileVersion, atMostOld age: Duration?) throws(WorkerFailure)
        -> ForeignKnowledge.Known
    {
        let now = ContinuousClock.now
        let before = link.withForeign { $0.known(version, at: now) }
        if let before, age.map({ before.checked.duration(to: now) <= $0 }) ?? true {
            guard before.isUsable else { throw unusable(version, "it has another version") }
            return before
        }
        let status = try status(of: version.uri)
        var known = before ?? ForeignKnowledge.Known(status: status, isUsable: true, checked: now)
        known.checked = now
        known.isUsable =
            before.map { $0.isUsable && $0.status == status }
            ?? status.agrees(with: version, policy) { modified(version) }
        known.status = status
        let noted = known
        link.withForeign { $0.note(noted, of: version) }
        guard known.isUsable else { throw unusable(version, "it has another version") }
        return known
    }

    private func status(of uri: UFSURI) throws(WorkerFailure) -> ForeignStatus {
        let response: HTTPResponse
        do throws(WorkerFailure) {
            response = try client.document(
                HTTPRequest(url: WorkerURL(link.worker).info(uri)),
                from: link.worker,
                isOurs: false,
                limitBytes: WorkerClient.messageMaximumBytes
            )
        } catch {
            throw isClosed(error) ? .foreignMiss : error
        }
        guard let status = ForeignStatus(json: response.body) else {
            throw .wrong("\(link.worker.host): a status of \(uri) that can't be read")
        }
        return status
    }

    /// The length of pages; learnt from page 0 of this file if it is not known.
    private func pageBytes(of version: FileVersion, _ known: ForeignKnowledge.Known, _ limit: Duration)
        throws(WorkerFailure) -> Int64
    {
        if let pageBytes = link.withForeign({ $0.pageBytes }) { return pageBytes }
        if known.isOnePage { return version.size }
        let length = try firstPageBytes(of: version, limit)
        guard link.withForeign({ $0.learn(firstPageBytes: length, of: version) }) else {
            throw unusable(version, "the length of its pages can't be learnt from page 0 of \(length) bytes")
        }
        return length
    }

    /// Asks for page 0 and looks at its length only.
    private func firstPageBytes(of version: FileVersion, _ limit: Duration) throws(WorkerFailure) -> Int64 {
        var length: Int64?
        var delivered = 0
        let transfer = WorkerClient.Transfer(
            request: HTTPRequest(url: WorkerURL(link.worker).page(0, of: version.uri, part: nil)),
            worker: link.worker,
            count: 0,
            limit: limit
        ) { head in
            length = head["content-length"].flatMap { Int64($0) }
            return .unusable("only the length is wanted")
        }
        do throws(WorkerFailure) {
            _ = try client.stream(transfer, delivered: &delivered) { _ in }
        } catch .unusable {
            guard let length, length > 0 else { throw unusable(version, "page 0 has no length") }
            return length
        } catch {
            throw isClosed(error) ? .foreignMiss : error
        }
        throw .foreignMiss
    }

    private func read(
        _ piece: ForeignPiece,
        of version: FileVersion,
        _ limit: Duration,
        _ delivered: inout Int,
        _ sink: SpanSink
    ) throws(WorkerFailure) -> Int64 {
        let transfer = WorkerClient.Transfer(
            request: HTTPRequest(
                url: WorkerURL(link.worker).page(piece.index, of: version.uri, part: piece.part)
            ),
            worker: link.worker,
            count: piece.part.count,
            limit: limit
        ) { _ in nil }
        let before = delivered
        do throws(WorkerFailure) {
            return try client.stream(transfer, delivered: &delivered, into: sink)
        } catch {
            if case .wrong = error { link.withForeign { $0.forgetPages() } }
            throw delivered == before && isClosed(error) ? .foreignMiss : error
        }
    }

    /// Whether the connection was closed instead of an answer, or there is no such page.
    private func isClosed(_ failure: WorkerFailure) -> Bool {
        switch failure {
        case .broken, .missing: true
        default: false
        }
    }

    private func unusable(_ version: FileVersion, _ cause: String) -> WorkerFailure {
        .unusable("\(link.worker.host) is not used for \(version.uri): \(cause)")
    }
}
