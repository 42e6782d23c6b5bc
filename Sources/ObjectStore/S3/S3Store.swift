public import HTTPTransport
public import Logging
public import Metadata
public import Pages
import Synchronization

/// A bucket, or a prefix of one, as a tree of files.
///
/// Keys map to paths as they are; `docs/awkward-keys.md` has those that cannot. It never asks for anything
/// outside of its prefix. Any thread may call it; calls run and wait on the caller's thread.
public final class S3Store: MetadataSource, SpanSource {
    let client: S3Client
    let options: S3Options
    let companions: CompanionPool
    let changing: S3Changing
    /// The address of the root, without a slash at its end.
    private let root: [UInt8]

    /// Makes a store; asks nothing yet, see ``check()``.
    /// - Parameters:
    ///   - options: Bucket, prefix, endpoint, limits.
    ///   - transport: What sends the requests.
    ///   - credentials: What signs them; not asked if the options say anonymous.
    ///   - logger: Where notices go.
    /// - Throws: ``S3OptionsError`` for an endpoint or a region that cannot be.
    public init(
        options: S3Options,
        transport: HTTPTransport,
        credentials: any CredentialsSource,
        logger: Logger = Logger(label: "alluxio-fuse.s3")
    ) throws(S3OptionsError) {
        self.options = options
        client = try S3Client(options, transport: transport, credentials: credentials, logger: logger)
        changing = S3Changing(options)
        companions = CompanionPool(maximum: options.companionsMaximum)
        var root = Array("\(options.scheme)://\(options.bucket)".utf8)
        if !options.prefix.isEmpty {
            root.append(UInt8(ascii: "/"))
            root.append(contentsOf: options.prefix)
        }
        self.root = root
    }

    /// The address of a path: `s3://bucket/prefix/path`.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The full address.
    public func uri(of path: RelativePath) -> UFSURI {
        guard !path.isRoot else { return UFSURI(bytes: root) }
        var bytes = root
        bytes.reserveCapacity(root.count + 1 + path.bytes.count)
        bytes.append(UInt8(ascii: "/"))
        bytes.append(contentsOf: path.bytes)
        return UFSURI(bytes: bytes)
    }

    /// The key of a path, prefix included.
    func key(of path: RelativePath) -> [UInt8] {
        guard !options.prefix.isEmpty else { return path.bytes }
        return path.isRoot ? options.prefix : options.prefix + [UInt8(ascii: "/")] + path.bytes
    }

    /// What the keys inside of a directory begin with: its key and a slash; empty for the whole bucket.
    func keyPrefix(of directory: RelativePath) -> [UInt8] {
        let key = key(of: directory)
        return key.isEmpty ? [] : key + [UInt8(ascii: "/")]
    }

    /// The key of an address, or nil if it lies outside of this store.
    func key(of uri: UFSURI) -> [UInt8]? {
        guard uri.bytes.count > root.count + 1, uri.bytes.starts(with: root), uri.bytes[root.count] == 0x2F
        else {
            return nil
        }
        let bucketEnd = root.count - (options.prefix.isEmpty ? 0 : options.prefix.count + 1)
        return Array(uri.bytes[(bucketEnd + 1)...])
    }

    /// Reads one span of one version, streaming; resumes where a broken transfer ended.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: ``StoreError/stale`` if that version is gone, what the sink threw, or another
    ///   ``StoreError``.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        guard !span.isEmpty else { return }
        guard let key = key(of: version.uri), span.end <= version.size else {
            throw .unsupported(
                "\(version.uri): bytes \(span.offset)-\(span.end - 1) are outside of this store"
            )
        }
        var request = S3Request(.getObject, key: key)
        request.etag = version.etag
        var delivered = 0
        do throws(S3Client.GivenUp) {
            try client.retrying(
                .getObject,
                object: version.uri.description,
                limits: options.retries,
                progress: { delivered }
            ) { attempt throws(S3Failure) in
                let rest = Span(from: span.offset + Int64(delivered), to: span.end)
                request.range = rest
                try fetch(rest, request, version, attempt, &delivered, sink)
            }
        } catch {
            throw error.error == .notFound ? .stale : error.error
        }
    }

    private func fetch(
        _ span: Span,
        _ request: S3Request,
        _ version: FileVersion,
        _ attempt: S3Client.Attempt,
        _ delivered: inout Int,
        _ sink: SpanSink
    ) throws(S3Failure) {
        var left = span.count
        var count = delivered
        defer { delivered = count }
        _ = try client.send(request, timeout: attempt.timeout) { head throws(S3Failure) in
            try S3RangeAnswer.check(head, span: span, version: version)
        } onBody: { bytes throws(S3Failure) in
            guard bytes.count <= left else {
                throw .malformed("the answer has more bytes than the \(span.count) that were asked for")
            }
            do throws(StoreError) { try sink(bytes) } catch { throw .final(error) }
            left -= bytes.count
            count += bytes.count
        }
        guard left == 0 else {
            throw .transport(.broken("the answer ended \(left) bytes before its end"))
        }
    }

    /// S3 has no symbolic links.
    /// - Parameter path: A path inside the mount.
    /// - Returns: Nothing.
    /// - Throws: ``StoreError/unsupported(_:)`` always.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        throw .unsupported("\(uri(of: path)): S3 has no symbolic links")
    }
}

/// Holds the head of the answer to a ranged GET against what was asked.
enum S3RangeAnswer {
    /// Checks status, range, length and version.
    /// - Parameters:
    ///   - head: The head of a good answer.
    ///   - span: What was asked for.
    ///   - version: Of what.
    /// - Throws: `final(.stale)` for another version, `malformed` for anything that cannot be right.
    static func check(_ head: HTTPResponseHead, span: Span, version: FileVersion) throws(S3Failure) {
        guard let etag = head.bytes(of: "etag") else { throw .malformed("the answer has no ETag") }
        guard unquoted(etag).elementsEqual(version.etag.text.utf8) else { throw .final(.stale) }
        switch head.status {
        case 206:
            guard let text = head.bytes(of: "content-range") else {
                throw .malformed("status 206 without Content-Range")
            }
            let wanted = "bytes \(span.offset)-\(span.end - 1)/"
            guard text.starts(with: wanted.utf8) else {
                throw .malformed("asked for \(wanted), got \(String(decoding: text, as: UTF8.self))")
            }
            let total = text.dropFirst(wanted.utf8.count)
            guard total.elementsEqual("\(version.size)".utf8) || total.elementsEqual("*".utf8) else {
                throw .final(.stale)
            }
        case 200 where span.offset == 0 && span.count == version.size:
            break
        default:
            throw .malformed("asked for \(span.count) bytes from \(span.offset), got status \(head.status)")
        }
        guard let length = head.bytes(of: "content-length") else { return }
        guard length.elementsEqual("\(span.count)".utf8) else {
            throw .malformed("asked for \(span.count) bytes, got \(String(decoding: length, as: UTF8.self))")
        }
    }

    static func unquoted(_ etag: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let quote = UInt8(ascii: "\"")
        guard etag.count >= 2, etag.first == quote, etag.last == quote else { return etag }
        return etag.dropFirst().dropLast()
    }
}
