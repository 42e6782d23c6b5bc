import HTTPTransport
import Metadata
import Pages
import Synchronization

extension S3Store: ObjectChanges {
    @discardableResult
    func put(
        _ bytes: [UInt8],
        at path: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]
    ) throws(StoreError) -> Attributes {
        try put(S3Body(bytes), key: try newKey(of: path), if: condition, metadata: metadata)
    }

    @discardableResult
    func putMarker(_ directory: RelativePath) throws(StoreError) -> Attributes {
        let key = try newKey(of: directory, isMarker: true)
        var made = try put(S3Body([UInt8]()), key: key, if: .always, metadata: [])
        made.kind = .directory
        made.etag = nil
        return made
    }

    /// PutObject.
    func put(
        _ content: S3Body,
        key: [UInt8],
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]
    ) throws(StoreError) -> Attributes {
        var request = S3Request(.putObject, key: key)
        request.fields = objectFields(metadata)
        request.apply(condition, isHonoured: condition != .always && honours(.put))
        let head: HTTPResponseHead
        do throws(S3ChangeFailure) {
            head = try send(request, content, object: objectText(key))
        } catch {
            let failure = condition.error(error)
            guard error.mayHaveHappened else { throw failure }
            // Whether it is ours or somebody else's that is there can only be said when it can be looked at.
            guard let found = described(key) else {
                guard failure == .exists || failure == .stale else { throw failure }
                throw .unavailable("\(objectText(key)): no answer came, and it cannot be looked at")
            }
            if let made = lost(found, content, metadata) { return made }
            throw failure
        }
        return try attributes(head, etag: nil, size: content.count, of: key)
    }

    /// Sends a whole object, with the checksum that the server knows.
    private func send(
        _ request: S3Request,
        _ content: S3Body,
        object: String
    ) throws(S3ChangeFailure) -> HTTPResponseHead {
        let checksum = changing.checksum.withLock { $0 }
        var whole = request
        // SeaweedFS makes an empty object of a request whose sender dies before the first byte of the body,
        // and looks at no other field then.
        if case .crc32c = checksum, content.count > 0, let field = S3Checksum.md5.field(of: content) {
            whole.fields.append(field)
        }
        let head: HTTPResponseHead
        do throws(S3ChangeFailure) {
            head = try send(whole, content, checksum, object: object)
        } catch {
            guard case .crc32c = checksum, let answer = error.answer, S3Refusal.isOfChecksum(answer) else {
                throw error
            }
            let head = try send(request, content, .md5, object: object)
            changing.checksum.withLock { $0 = .md5 }
            return head
        }
        // Who does not say the sum again has not looked at it.
        if case .crc32c = checksum, head.bytes(of: "x-amz-checksum-crc32c") == nil {
            changing.checksum.withLock { $0 = .md5 }
        }
        return head
    }

    /// What an earlier attempt of ours has made whose answer was lost; nil if the object is not what was
    /// sent.
    private func lost(
        _ found: (head: HTTPResponseHead, attributes: Attributes),
        _ content: S3Body,
        _ metadata: [(name: String, value: String)]
    ) -> Attributes? {
        guard found.attributes.size == content.count else { return nil }
        guard metadata.allSatisfy({ found.head["x-amz-meta-\($0.name.lowercased())"] == $0.value }) else {
            return nil
        }
        if let sum = found.head["x-amz-checksum-crc32c"] {
            return content.crc32c().map { S3Checksum.text($0) } == sum ? found.attributes : nil
        }
        var digest: [UInt8] = []
        guard let hash = content.md5() else { return nil }
        appendHexadecimal(hash, to: &digest)
        return found.attributes.etag?.text.utf8.elementsEqual(digest) == true ? found.attributes : nil
    }

    /// HEAD with checksums, or nil if there is no object or no answer within the limits of a check.
    func described(_ key: [UInt8]) -> (head: HTTPResponseHead, attributes: Attributes)? {
        var request = S3Request(.headObject, key: key)
        request.fields = [("x-amz-checksum-mode", "ENABLED")]
        do throws(S3ChangeFailure) {
            return try change(request, object: objectText(key), limits: options.checkRetries) {
                head,
                _ throws(S3Failure) in (head, try Self.attributes(ofHead: head))
            }
        } catch {
            return nil
        }
    }

    func read(
        _ path: RelativePath,
        limit: Int
    ) throws(StoreError) -> (bytes: [UInt8], attributes: Attributes) {
        let object = uri(of: path).description
        let request = S3Request(.getObject, key: key(of: path))
        do throws(S3Client.GivenUp) {
            return try client.retrying(.getObject, object: object, limits: options.retries) {
                attempt throws(S3Failure) in
                var bytes: [UInt8] = []
                let head = try client.send(request, timeout: attempt.timeout) { piece throws(S3Failure) in
                    guard bytes.count + piece.count <= limit else {
                        throw .malformed("the object has more than \(limit) bytes")
                    }
                    bytes.append(contentsOf: piece)
                }
                return (bytes, try Self.attributes(ofHead: head, size: Int64(bytes.count)))
            }
        } catch {
            throw error.error
        }
    }

    func hasKeys(below directory: RelativePath, except: [RelativePath]) throws(StoreError) -> Bool {
        let prefix = keyPrefix(of: directory)
        let hidden = Set(except.map { key(of: $0) } + [prefix])
        // So many that one page has another key if there is one.
        var request = S3Request(
            listing: prefix,
            isDirectory: false,
            entriesMaximum: min(hidden.count + 1, 1000)
        )
        while true {
            let page = try list(request, object: objectText(prefix), limits: options.retries)
            for object in page.objects where !hidden.contains(page.decoded(object.key)) { return true }
            guard page.isTruncated, let last = page.objects.last else { return false }
            request = S3Request(
                listing: prefix,
                isDirectory: false,
                entriesMaximum: 1000,
                after: page.decoded(last.key)
            )
        }
    }

    func upload(
        to path: RelativePath,
        metadata: @escaping @Sendable (POSIXAttributes?) -> [(name: String, value: String)]
    ) -> any ContentUpload {
        S3ContentUpload(self, to: path, metadata: metadata)
    }
}
