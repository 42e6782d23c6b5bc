import CCrypto
import CLinux
import HTTPTransport
import Logging
import Metadata
import Pages
import Synchronization

/// One multipart upload that the store has begun.
struct S3Multipart: Hashable, Sendable {
    let key: [UInt8]
    let id: String
    /// Whether the server keeps a CRC-32C of each part; else parts are checked by MD5.
    let keepsChecksums: Bool
}

extension S3Store {
    /// CreateMultipartUpload.
    func begin(
        _ key: [UInt8],
        metadata: [(name: String, value: String)],
        limits: S3RetryLimits? = nil
    ) throws(StoreError) -> S3Multipart {
        var request = S3Request(.createUpload, key: key)
        request.query = Array("uploads=".utf8)
        request.body = []
        request.fields = objectFields(metadata)
        let object = objectText(key)
        let plain = request
        let wantsChecksums = changing.checksum.withLock { if case .crc32c = $0 { true } else { false } }
        if wantsChecksums { request.fields.append(("x-amz-checksum-algorithm", "CRC32C")) }
        do throws(S3ChangeFailure) {
            return try begin(request, object, limits)
        } catch {
            guard wantsChecksums, let answer = error.answer, S3Refusal.isOfChecksum(answer) else {
                throw error.error
            }
        }
        do throws(S3ChangeFailure) { return try begin(plain, object, limits) } catch { throw error.error }
    }

    private func begin(
        _ request: S3Request,
        _ object: String,
        _ limits: S3RetryLimits?
    ) throws(S3ChangeFailure) -> S3Multipart {
        let upload = try change(request, object: object, limits: limits) {
            head,
            body throws(S3Failure) -> S3Multipart in
            let result = try S3Element.parse(head, body, root: "InitiateMultipartUploadResult")
            guard let id = result.string("UploadId"), !id.isEmpty else {
                throw .malformed("the answer has no UploadId")
            }
            let algorithm = head.bytes(of: "x-amz-checksum-algorithm")
            return S3Multipart(
                key: request.key ?? [],
                id: id,
                keepsChecksums: algorithm?.elementsEqual("CRC32C".utf8) == true
            )
        }
        changing.openUploads.withLock { _ = $0.insert(upload.id) }
        return upload
    }

    /// UploadPart.
    func send(
        _ content: S3Body,
        as number: Int,
        of upload: S3Multipart,
        limits: S3RetryLimits? = nil,
        isWanted: () -> Bool = { true }
    ) throws(S3ChangeFailure) -> S3Part {
        var request = S3Request(.uploadPart, key: upload.key)
        request.query = Self.query(part: number, upload.id)
        let head = try send(
            request,
            content,
            upload.keepsChecksums ? .crc32c : .md5,
            object: objectText(upload.key),
            limits: limits,
            isWanted: isWanted
        )
        guard let etag = head.bytes(of: "etag").flatMap({ Self.etag($0) }) else {
            throw S3ChangeFailure(.corrupt("\(objectText(upload.key)): a part was taken without an ETag"))
        }
        return S3Part(
            number: number,
            etag: etag,
            checksum: upload.keepsChecksums ? head["x-amz-checksum-crc32c"] : nil
        )
    }

    /// UploadPartCopy.
    ///
    /// The range is left out where it is the whole source. A source that has gone is ``StoreError/stale``.
    func copy(
        _ span: Span,
        of source: [UInt8],
        _ etag: ETag,
        isWhole: Bool,
        as number: Int,
        of upload: S3Multipart
    ) throws(StoreError) -> S3Part {
        var request = S3Request(.copyPart, key: upload.key)
        request.query = Self.query(part: number, upload.id)
        request.body = []
        request.isSlow = true
        request.fields = copySource(source, etag)
        if !isWhole {
            request.fields.append(("x-amz-copy-source-range", "bytes=\(span.offset)-\(span.end - 1)"))
        }
        do throws(S3ChangeFailure) {
            return try change(
                request,
                object: objectText(upload.key),
                extra: S3Pace.time(copying: Int64(span.count))
            ) { head, body throws(S3Failure) in
                let result = try S3Element.parse(head, body, root: "CopyPartResult")
                guard let etag = result["ETag"].flatMap({ Self.etag($0[...]) }) else {
                    throw .malformed("the answer has no ETag")
                }
                let checksum = upload.keepsChecksums ? result.string("ChecksumCRC32C") : nil
                return S3Part(number: number, etag: etag, checksum: checksum)
            }
        } catch {
            // The source has gone; an upload that has gone is another thing.
            if error.error == .notFound, error.answer?.code != "NoSuchUpload" { throw .stale }
            throw error.error
        }
    }

    /// CompleteMultipartUpload; parts in order.
    ///
    /// An upload that the store does not know is ``StoreError/notFound``, unless the object turns out to be
    /// made of these parts.
    func complete(
        _ upload: S3Multipart,
        _ parts: [S3Part],
        if condition: ChangeCondition,
        size: Int64
    ) throws(StoreError) -> Attributes {
        var request = S3Request(.completeUpload, key: upload.key)
        request.query = Array("uploadId=".utf8)
        PercentCoding.append(upload.id.utf8, keepsSlash: false, to: &request.query)
        request.body = S3Completion.document(parts)
        request.fields = [("content-type", "application/xml")]
        request.isSlow = true
        request.apply(condition, isHonoured: condition != .always && honours(.complete))
        let extra = S3Pace.time(copying: size)
        let answer: (head: HTTPResponseHead, etag: [UInt8]?)
        do throws(S3ChangeFailure) {
            answer = try change(request, object: objectText(upload.key), extra: extra) {
                head,
                body throws(S3Failure) in
                do throws(S3Failure) {
                    let result = try S3Element.parse(head, body, root: "CompleteMultipartUploadResult")
                    return (head, result["ETag"])
                } catch .refused(let answer) where answer.code == "ConditionalRequestConflict" {
                    // Asking again does not help: the parts have gone with it.
                    throw .final(condition == .absent ? .exists : .stale)
                }
            }
        } catch {
            let isGone = error.answer?.code == "NoSuchUpload"
            if error.mayHaveHappened || isGone, let made = lost(parts, upload.key, size) {
                close(upload)
                return made
            }
            throw isGone ? .notFound : condition.error(error)
        }
        close(upload)
        return try attributes(answer.head, etag: answer.etag, size: size, of: upload.key)
    }

    /// The object, if it is made of these parts: a completion whose answer was lost.
    private func lost(_ parts: [S3Part], _ key: [UInt8], _ size: Int64) -> Attributes? {
        guard let found = described(key), found.attributes.size == size else { return nil }
        if let etag = S3Completion.etag(parts), found.attributes.etag == etag { return found.attributes }
        let sum = found.head["x-amz-checksum-crc32c"]
        return sum != nil && sum == S3Completion.checksum(parts) ? found.attributes : nil
    }

    /// AbortMultipartUpload; errors are of no use to anybody, ``abortUploads(begunBefore:)`` comes later.
    func abort(_ upload: S3Multipart) {
        do throws(S3ChangeFailure) {
            try abort(upload.key, upload.id, limits: options.checkRetries)
        } catch {
            client.logger.debug(
                "an upload could not be aborted",
                metadata: ["object": "\(objectText(upload.key))", "why": "\(error.error)"]
            )
        }
        close(upload)
    }

    private func abort(_ key: [UInt8], _ id: String, limits: S3RetryLimits) throws(S3ChangeFailure) {
        var request = S3Request(.abortUpload, key: key)
        request.query = Array("uploadId=".utf8)
        PercentCoding.append(id.utf8, keepsSlash: false, to: &request.query)
        do throws(S3ChangeFailure) {
            try change(request, object: objectText(key), limits: limits) { _, _ in }
        } catch {
            if error.error != .notFound { throw error }
        }
    }

    private func close(_ upload: S3Multipart) {
        changing.openUploads.withLock { _ = $0.remove(upload.id) }
    }

    func abortUploads(begunBefore moment: Int64) throws(StoreError) -> Int {
        var marker: (key: [UInt8], id: String)?
        var count = 0
        repeat {
            let page = try uploads(after: marker)
            for upload in page.uploads where upload.begun * 1_000_000_000 < moment {
                guard !changing.openUploads.withLock({ $0.contains(upload.id) }) else { continue }
                do throws(S3ChangeFailure) {
                    try abort(upload.key, upload.id, limits: options.retries)
                } catch {
                    throw error.error
                }
                count += 1
            }
            marker = page.next
        } while marker != nil
        return count
    }

    private func uploads(after marker: (key: [UInt8], id: String)?) throws(StoreError) -> S3UploadsPage {
        let prefix = keyPrefix(of: .root)
        var request = S3Request(.listUploads)
        // Without an encoding: not every server that says it encodes keys does so here.
        var query: [UInt8] = []
        if let marker {
            query.append(contentsOf: "key-marker=".utf8)
            PercentCoding.append(marker.key, keepsSlash: false, to: &query)
            query.append(UInt8(ascii: "&"))
        }
        query.append(contentsOf: "max-uploads=1000&prefix=".utf8)
        PercentCoding.append(prefix, keepsSlash: false, to: &query)
        if let marker {
            query.append(contentsOf: "&upload-id-marker=".utf8)
            PercentCoding.append(marker.id.utf8, keepsSlash: false, to: &query)
        }
        query.append(contentsOf: "&uploads=".utf8)
        request.query = query
        do throws(S3ChangeFailure) {
            return try change(request, object: objectText(prefix)) { head, body throws(S3Failure) in
                let result = try S3Element.parse(head, body, root: "ListMultipartUploadsResult")
                return S3UploadsPage(result, prefix: prefix, after: marker)
            }
        } catch {
            throw error.error
        }
    }

    private static func query(part number: Int, _ id: String) -> [UInt8] {
        var query = Array("partNumber=\(number)&uploadId=".utf8)
        PercentCoding.append(id.utf8, keepsSlash: false, to: &query)
        return query
    }

    /// The fields that name what is copied.
    func copySource(_ key: [UInt8], _ etag: ETag?) -> [(name: String, value: String)] {
        var source = Array("/\(options.bucket)/".utf8)
        PercentCoding.append(key, keepsSlash: true, to: &source)
        var fields = [(name: "x-amz-copy-source", value: String(decoding: source, as: UTF8.self))]
        if let etag { fields.append(("x-amz-copy-source-if-match", "\"\(etag.text)\"")) }
        return fields
    }
}

/// A page of the uploads that are under way.
struct S3UploadsPage {
    struct Upload {
        var key: [UInt8]
        var id: String
        /// Seconds since 1970.
        var begun: Int64
    }

    var uploads: [Upload] = []
    var next: (key: [UInt8], id: String)?

    init(_ result: S3Element, prefix: [UInt8], after marker: (key: [UInt8], id: String)?) {
        let isEncoded = result.string("EncodingType") == "url"
        func decoded(_ text: [UInt8]) -> [UInt8] {
            guard isEncoded else { return text }
            var key: [UInt8] = []
            PercentCoding.appendDecoded(text[...], to: &key)
            return key
        }
        for upload in result.children where upload.name == "Upload" {
            guard let key = upload["Key"].map(decoded), key.starts(with: prefix),
                let id = upload.string("UploadId"),
                let begun = upload["Initiated"].flatMap({ CivilTime.parseISO8601($0) })
            else { continue }
            uploads.append(Upload(key: key, id: id, begun: begun))
        }
        guard result.string("IsTruncated") == "true", let key = result["NextKeyMarker"].map(decoded) else {
            return
        }
        let id = result.string("NextUploadIdMarker") ?? ""
        // A server that says the same place again would be asked for ever.
        if let marker, marker.key == key, marker.id == id { return }
        next = (key, id)
    }
}

/// What ends an upload.
enum S3Completion {
    static func document(_ parts: [S3Part]) -> [UInt8] {
        var text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            text += "<Part><PartNumber>\(part.number)</PartNumber><ETag>&quot;\(part.etag)&quot;</ETag>"
            if let checksum = part.checksum { text += "<ChecksumCRC32C>\(checksum)</ChecksumCRC32C>" }
            text += "</Part>"
        }
        return Array((text + "</CompleteMultipartUpload>").utf8)
    }

    /// The ETag that an object of these parts gets where those of the parts are their MD5; else nil.
    static func etag(_ parts: [S3Part]) -> ETag? {
        var digests: [UInt8] = []
        for part in parts {
            guard let digest = Self.digest(part.etag.text) else { return nil }
            digests += digest
        }
        guard let hash = S3Body(digests).md5() else { return nil }
        var text: [UInt8] = []
        appendHexadecimal(hash, to: &text)
        return ETag("\(String(decoding: text, as: UTF8.self))-\(parts.count)")
    }

    /// The composite CRC-32C of these parts; nil if one of them has none.
    static func checksum(_ parts: [S3Part]) -> String? {
        var sums: [UInt8] = []
        for part in parts {
            guard let sum = part.checksum.flatMap({ Base64.bytes($0) }), sum.count == 4 else { return nil }
            sums += sum
        }
        return "\(S3Checksum.text(linux_crc32c(0, sums, sums.count)))-\(parts.count)"
    }

    private static func digest(_ text: String) -> [UInt8]? {
        guard text.utf8.count == 32 else { return nil }
        var digest: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            guard let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            digest.append(byte)
            rest = rest.dropFirst(2)
        }
        return digest
    }
}
