import CoreMetrics
import Logging
import Metadata
import Pages
import Synchronization

/// What is known of the conditions that an endpoint honours; nil where nobody has asked.
struct S3KnownConditions: Sendable {
    var honoured: [S3ConditionGroup: Bool] = [:]
}

/// Requests whose conditions are probed together.
enum S3ConditionGroup: String, CaseIterable, Sendable {
    case put
    case complete
    case copy
    case copySource = "copy_source"
    case delete
}

extension S3Store {
    func conditions() -> HonouredConditions {
        let known = known(Set(S3ConditionGroup.allCases))
        return HonouredConditions(
            put: known[.put] ?? false,
            complete: known[.complete] ?? false,
            copy: known[.copy] ?? false,
            copySource: known[.copySource] ?? false,
            delete: known[.delete] ?? false
        )
    }

    /// Whether a kind of request looks at its conditions; asks the endpoint the first time.
    func honours(_ group: S3ConditionGroup) -> Bool { known([group])[group] ?? false }

    private func known(_ groups: Set<S3ConditionGroup>) -> [S3ConditionGroup: Bool] {
        changing.conditions.withLock { known in
            let missing = groups.filter { known.honoured[$0] == nil }
            guard !missing.isEmpty else { return known.honoured }
            if client.endpoint.isAmazon {
                for group in missing { known.honoured[group] = true }
                return known.honoured
            }
            let probe = S3Probe(self)
            do throws(StoreError) {
                let found = try probe.run(missing)
                known.honoured.merge(found) { $1 }
                report(found)
                return known.honoured
            } catch {
                // Not known, and asked again next time; meanwhile conditions are sent, since they do no harm
                // where they are ignored. A copy that mixes versions would do harm.
                client.logger.warning(
                    "the store could not be asked whether it honours conditions",
                    metadata: ["why": "\(error)"]
                )
                var assumed = known.honoured
                for group in missing { assumed[group] = group != .copySource }
                return assumed
            }
        }
    }

    private func report(_ found: [S3ConditionGroup: Bool]) {
        for (group, isHonoured) in found {
            Gauge(label: "alluxio_fuse_s3_conditions_honoured", dimensions: [("operation", group.rawValue)])
                .record(isHonoured ? 1 : 0)
        }
        let ignored = found.filter { !$0.value }.map(\.key.rawValue).sorted()
        guard !ignored.isEmpty else { return }
        client.logger.warning(
            "the store ignores conditions; of two writers of one object the last one wins, without an error",
            metadata: ["operations": "\(ignored.joined(separator: ", "))"]
        )
    }
}

/// Finds out which conditions an endpoint honours, with a small object of its own beside the root.
struct S3Probe {
    private let store: S3Store
    private let key: [UInt8]
    private let object: String
    /// No version has this name.
    private static let wrong = ETag("0123456789abcdef0123456789abcdef-9")

    init(_ store: S3Store) {
        self.store = store
        var name: [UInt8] = []
        appendHexadecimal((0..<8).map { _ in UInt8.random(in: 0...255) }, to: &name)
        key = store.keyPrefix(of: .root) + Array(".alluxio.attributes.probe-".utf8) + name
        object = store.objectText(key)
    }

    /// Asks.
    /// - Parameter groups: What is wanted.
    /// - Returns: Which of them are honoured.
    /// - Throws: What keeps the probe object from being written.
    func run(_ groups: Set<S3ConditionGroup>) throws(StoreError) -> [S3ConditionGroup: Bool] {
        var put = S3Request(.putObject, key: key)
        put.content = S3Body(Array("probe".utf8))
        try send(put)
        var found: [S3ConditionGroup: Bool] = [:]
        defer { remove() }
        if groups.contains(.put) { found[.put] = try bothRefused(put) }
        if groups.contains(.complete) || groups.contains(.copySource) {
            let upload = try store.begin(key, metadata: [], limits: store.options.checkRetries)
            defer { store.abort(upload) }
            if groups.contains(.copySource) { found[.copySource] = try probeSource(upload) }
            if groups.contains(.complete) { found[.complete] = try probeCompletion(upload) }
        }
        if groups.contains(.copy) { found[.copy] = try bothRefused(selfCopy(nil)) }
        if groups.contains(.delete) {
            var request = S3Request(.deleteObject, key: key)
            request.etag = Self.wrong
            found[.delete] = try isRefused(request)
        }
        return found
    }

    private func remove() {
        do throws(StoreError) {
            try send(S3Request(.deleteObject, key: key))
        } catch {
            store.client.logger.warning(
                "the object that the store's conditions were tried with could not be deleted",
                metadata: ["object": "\(object)", "why": "\(error)"]
            )
        }
    }

    /// Whether a request is refused that wants the object absent, and one that wants another version of it.
    private func bothRefused(_ request: S3Request) throws(StoreError) -> Bool {
        var absent = request
        absent.mustBeAbsent = true
        guard try isRefused(absent) else { return false }
        var other = request
        other.etag = Self.wrong
        return try isRefused(other)
    }

    private func probeCompletion(_ upload: S3Multipart) throws(StoreError) -> Bool {
        let part: S3Part
        do throws(S3ChangeFailure) {
            let content = S3Body(Array("part".utf8))
            part = try store.send(content, as: 1, of: upload, limits: store.options.checkRetries)
        } catch {
            throw error.error
        }
        var request = S3Request(.completeUpload, key: key)
        request.query = Array("uploadId=".utf8)
        PercentCoding.append(upload.id.utf8, keepsSlash: false, to: &request.query)
        request.body = S3Completion.document([part])
        request.fields = [("content-type", "application/xml")]
        return try bothRefused(request)
    }

    /// CopyObject and UploadPartCopy.
    private func probeSource(_ upload: S3Multipart) throws(StoreError) -> Bool {
        guard try isRefused(selfCopy(Self.wrong)) else { return false }
        var request = S3Request(.copyPart, key: key)
        request.query = Array("partNumber=1&uploadId=".utf8)
        PercentCoding.append(upload.id.utf8, keepsSlash: false, to: &request.query)
        request.body = []
        request.fields = store.copySource(key, Self.wrong)
        return try isRefused(request)
    }

    /// A copy onto itself is allowed where it changes something.
    private func selfCopy(_ etag: ETag?) -> S3Request {
        var request = S3Request(.copyObject, key: key)
        request.body = []
        request.fields = store.copySource(key, etag) + [("x-amz-metadata-directive", "REPLACE")]
        return request
    }

    private func isRefused(_ request: S3Request) throws(StoreError) -> Bool {
        do throws(S3ChangeFailure) {
            try sendOnce(request)
            return false
        } catch {
            guard let answer = error.answer else { throw error.error }
            return S3Refusal.isCondition(answer, .none)
        }
    }

    private func send(_ request: S3Request) throws(StoreError) {
        do throws(S3ChangeFailure) { try sendOnce(request) } catch { throw error.error }
    }

    private func sendOnce(_ request: S3Request) throws(S3ChangeFailure) {
        try store.change(request, object: object, limits: store.options.checkRetries) {
            head,
            body throws(S3Failure) in
            // A copy or a completion may be refused after its status was sent.
            guard request.operation == .copyObject || request.operation == .completeUpload, !body.isEmpty
            else {
                return
            }
            let root = request.operation == .copyObject ? "CopyObjectResult" : "CompleteMultipartUploadResult"
            _ = try S3Element.parse(head, body, root: root)
        }
    }
}
