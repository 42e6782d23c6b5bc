import HTTPTransport
public import Metadata
public import Pages
import Synchronization

extension S3Store {
    /// What one name stands for: HEAD of the key, and LIST of one under `key/`, at the same time.
    ///
    /// What it was known to be is asked first and alone; the other question follows only if the answer is no.
    /// - Parameters:
    ///   - path: A path inside the mount; not the root.
    ///   - known: What the name was last known to be.
    /// - Returns: Its attributes; a name that is both an object and a prefix is a directory, unless it was
    ///   known to be a file.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    public func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        guard !path.isRoot else { return Attributes(kind: .directory, size: 0, modified: 0, etag: nil) }
        let key = key(of: path)
        // The longest key of S3 has 1024 bytes; what is longer cannot exist.
        guard key.count <= 1024 else { throw .notFound }
        let found: Attributes?
        switch known {
        case .file:
            if let file = try file(key) { found = file } else { found = try directory(key) }
        case .directory:
            if let directory = try directory(key) { found = directory } else { found = try file(key) }
        default:
            found = try both(key)
        }
        guard let found else { throw .notFound }
        return found
    }

    private func both(_ key: [UInt8]) throws(StoreError) -> Attributes? {
        let box = AnswerBox()
        let job = companions.start { [self] in
            box.answer.withLock { $0 = Result { () throws(StoreError) in try directory(key) } }
        }
        guard let job else {
            if let directory = try directory(key) { return directory }
            return try file(key)
        }
        let file = Result { () throws(StoreError) in try self.file(key) }
        job.wait()
        if let directory = try box.answer.withLock({ $0 }).get() { return directory }
        return try file.get()
    }

    /// The object of this key, or nil if there is none.
    func file(_ key: [UInt8]) throws(StoreError) -> Attributes? {
        let object = objectText(key)
        do throws(S3Client.GivenUp) {
            return try client.retrying(.headObject, object: object, limits: options.retries) {
                attempt throws(S3Failure) in try head(key, attempt)
            }
        } catch {
            if error.error == .notFound { return nil }
            throw error.error
        }
    }

    private func head(_ key: [UInt8], _ attempt: S3Client.Attempt) throws(S3Failure) -> Attributes {
        let request = S3Request(.headObject, key: key)
        let head: HTTPResponseHead
        do throws(S3Failure) {
            head = try client.send(request, timeout: attempt.timeout) { _ in }
        } catch {
            if let reason = try reason(for: error, key, attempt) { throw reason }
            head = try client.send(request, timeout: attempt.timeout) { _ in }
        }
        return try Self.attributes(ofHead: head)
    }

    /// What the head of the answer to HEAD or GET says; a length that is known otherwise comes first.
    static func attributes(ofHead head: HTTPResponseHead, size: Int64? = nil) throws(S3Failure) -> Attributes
    {
        guard let length = size ?? head["content-length"].flatMap({ Int64($0) }), length >= 0 else {
            throw .malformed("the answer has no length")
        }
        guard let etag = head.bytes(of: "etag").flatMap({ Self.etag($0) }) else {
            throw .malformed("the answer has no usable ETag")
        }
        let modified = head.bytes(of: "last-modified").flatMap { CivilTime.parseHTTP($0) } ?? 0
        return Attributes(kind: .file, size: length, modified: modified * 1_000_000_000, etag: etag)
    }

    /// The answer to a HEAD has no document, so a refusal by 400 or 403 may mean many things, some of which
    /// can be cured (skewed clock, expired token).
    ///
    /// A GET of the first byte tells which.
    /// - Returns: nil if that is given: what was wrong has been cured meanwhile, by the answer to another
    ///   request.
    private func reason(
        for failure: S3Failure,
        _ key: [UInt8],
        _ attempt: S3Client.Attempt
    ) throws(S3Failure) -> S3Failure? {
        guard case .refused(let answer) = failure, [400, 403].contains(answer.status), answer.code.isEmpty,
            answer.region == nil || answer.status == 403
        else { return failure }
        var request = S3Request(.getObject, key: key)
        request.range = Span(offset: 0, count: 1)
        do throws(S3Failure) {
            _ = try client.send(request, timeout: attempt.timeout) { _ in }
            return nil
        } catch .refused(let told) where told.status == 400 || told.status == 403 {
            return .refused(told)
        } catch {
            return failure
        }
    }

    /// The directory of this key, or nil if no key begins with it.
    private func directory(_ key: [UInt8]) throws(StoreError) -> Attributes? {
        let prefix = key + [UInt8(ascii: "/")]
        let request = S3Request(listing: prefix, isDirectory: false, entriesMaximum: 1)
        let page = try list(request, object: objectText(prefix), limits: options.retries)
        guard let first = page.objects.first else {
            return page.prefixes.isEmpty ? nil : Attributes(kind: .directory, size: 0, modified: 0, etag: nil)
        }
        let isMarker = page.decoded(first.key).elementsEqual(prefix)
        let modified = isMarker ? first.modified * 1_000_000_000 : 0
        return Attributes(kind: .directory, size: 0, modified: modified, etag: nil)
    }

    /// How errors name a key.
    func objectText(_ key: [UInt8]) -> String {
        "\(options.scheme)://\(options.bucket)/\(String(decoding: key, as: UTF8.self))"
    }

    /// An ETag that can be sent back in a header field, or nil.
    static func etag(_ bytes: ArraySlice<UInt8>) -> ETag? {
        let tag = S3RangeAnswer.unquoted(bytes)
        guard !tag.isEmpty, tag.count <= 1024,
            tag.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
        else { return nil }
        return ETag(String(decoding: tag, as: UTF8.self))
    }
}

/// Carries a companion's answer back to its caller.
private final class AnswerBox: Sendable {
    let answer = Mutex<Result<Attributes?, StoreError>>(.success(nil))
}
