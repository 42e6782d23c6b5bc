import HTTPTransport
import Metadata
import Pages

extension S3Store {
    /// The largest object that one CopyObject copies, in bytes.
    static let copyMaximumBytes: Int64 = 5 << 30

    func copy(
        _ path: RelativePath,
        known: Attributes,
        to target: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]?
    ) throws(StoreError) -> Attributes {
        let source = key(of: path)
        let target = try newKey(of: target)
        if known.etag != nil, !honours(.copySource), described(source)?.attributes.etag != known.etag {
            throw .stale
        }
        guard known.size > Self.copyMaximumBytes else {
            return try copyAtOnce(source, known, to: target, if: condition, metadata)
        }
        let metadata = metadata ?? userMetadata(of: source)
        let upload = try begin(target, metadata: metadata)
        do throws(StoreError) {
            let parts = try copyParts(source, known, upload)
            return try complete(upload, parts, if: condition, size: known.size)
        } catch {
            abort(upload)
            throw error
        }
    }

    private func copyParts(
        _ source: [UInt8],
        _ known: Attributes,
        _ upload: S3Multipart
    ) throws(StoreError) -> [S3Part] {
        guard let etag = known.etag else { throw .unsupported("\(objectText(source)): a copy needs an ETag") }
        let whole = Span(offset: 0, count: Int(known.size))
        let plan = try PartPlan(size: known.size, kept: [whole], sent: [], schedule: changing.schedule)
        let done = PartResults()
        changing.inParallel(plan.parts.count) { [self] index in
            done.keep { () throws(StoreError) in
                let part = plan.parts[index]
                return try copy(part.span, of: source, etag, isWhole: false, as: part.number, of: upload)
            }
        }
        return try done.parts()
    }

    private func copyAtOnce(
        _ source: [UInt8],
        _ known: Attributes,
        to target: [UInt8],
        if condition: ChangeCondition,
        _ metadata: [(name: String, value: String)]?
    ) throws(StoreError) -> Attributes {
        var request = S3Request(.copyObject, key: target)
        request.body = []
        request.isSlow = true
        request.fields = objectFields(metadata ?? [])
        // Tags are copied unless the request says otherwise.
        request.fields.removeAll { $0.name == "x-amz-tagging" }
        request.fields += copySource(source, honours(.copySource) ? known.etag : nil)
        if metadata != nil { request.fields.append(("x-amz-metadata-directive", "REPLACE")) }
        request.apply(condition, isHonoured: condition != .always && honours(.copy))
        let result: (head: HTTPResponseHead, etag: [UInt8]?, modified: Int64?)
        do throws(S3ChangeFailure) {
            let extra = S3Pace.time(copying: known.size)
            result = try change(request, object: objectText(target), extra: extra) {
                head,
                body throws(S3Failure) in
                let result = try S3Element.parse(head, body, root: "CopyObjectResult")
                return (head, result["ETag"], result["LastModified"].flatMap { CivilTime.parseISO8601($0) })
            }
        } catch {
            if error.mayHaveHappened, let made = lostCopy(source, known, target) { return made }
            throw copyError(error, source, known, condition)
        }
        return try attributes(
            result.head,
            etag: result.etag,
            modified: result.modified,
            size: known.size,
            of: target
        )
    }

    /// What the target is, if it is a copy of the source: one whose answer was lost.
    private func lostCopy(_ source: [UInt8], _ known: Attributes, _ target: [UInt8]) -> Attributes? {
        guard let made = described(target), made.attributes.size == known.size else { return nil }
        if made.attributes.etag == known.etag { return made.attributes }
        guard let sum = made.head["x-amz-checksum-crc32c"], let original = described(source),
            original.attributes.etag == known.etag, original.head["x-amz-checksum-crc32c"] == sum
        else { return nil }
        return made.attributes
    }

    /// Source and target have a condition each, and the refusal does not say which it was.
    private func copyError(
        _ failure: S3ChangeFailure,
        _ source: [UInt8],
        _ known: Attributes,
        _ condition: ChangeCondition
    ) -> StoreError {
        guard let answer = failure.answer, S3Refusal.isCondition(answer, .version) else {
            return failure.error
        }
        guard condition == .absent, answer.status != 404 else { return .stale }
        return described(source)?.attributes.etag == known.etag ? .exists : .stale
    }

    /// The user metadata of an object, for a copy in parts; empty if it cannot be read.
    private func userMetadata(of key: [UInt8]) -> [(name: String, value: String)] {
        guard let found = described(key) else { return [] }
        let beginning = "x-amz-meta-"
        return found.head.headers.filter { $0.name.hasPrefix(beginning) }
            .map { (String($0.name.dropFirst(beginning.utf8.count)), $0.value) }
    }
}
