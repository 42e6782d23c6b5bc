internal import HTTPTransport
public import Metadata
public import Pages

extension S3Store {
    /// The largest listing page that is accepted, in bytes.
    static let pageMaximumBytes = 16 << 20

    /// One page of a directory.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Where to go on; nil for the first page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and how many keys cannot be shown.
    /// - Throws: ``StoreError/notFound`` if no key lies inside of the directory, or another ``StoreError``.
    public func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let prefix = keyPrefix(of: directory)
        let request = S3Request(
            listing: prefix,
            isDirectory: true,
            entriesMaximum: pageSize,
            token: token?.text
        )
        let page = try list(request, object: objectText(prefix), limits: options.retries)
        if token == nil, !directory.isRoot, !page.isTruncated, page.objects.isEmpty, page.prefixes.isEmpty {
            throw .notFound
        }
        return try emit(page, of: prefix, from: token, into: sink)
    }

    /// The first page of what comes after a name (`start-after`).
    ///
    /// The name has no slash, so that a prefix `a/` lies on the same side of it as all keys that begin with
    /// `a/`. A server that ignores `start-after` gives names that lie before; the caller sees that.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - name: Where to begin; no slash, not empty.
    ///   - entriesMaximum: The most entries wanted; nil for a usual page.
    ///   - sink: Takes the entries of the page, on this thread.
    /// - Returns: Where the next page starts, and how many keys cannot be shown.
    /// - Throws: A ``StoreError``.
    public func list(
        _ directory: RelativePath,
        after name: [UInt8],
        entriesMaximum: Int?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let prefix = keyPrefix(of: directory)
        let request = S3Request(
            listing: prefix,
            isDirectory: true,
            entriesMaximum: entriesMaximum ?? pageSize,
            after: prefix + name
        )
        let page = try list(request, object: objectText(prefix), limits: options.retries)
        return try emit(page, of: prefix, from: nil, into: sink)
    }

    private var pageSize: Int { min(max(options.listPageSize, 1), 1000) }

    /// Gives the entries of a page out.
    private func emit(
        _ page: S3ListResult,
        of prefix: [UInt8],
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let object = objectText(prefix)
        var next: ListingToken?
        if page.isTruncated {
            guard let text = page.nextToken, text != token?.text else {
                throw .corrupt("\(object): the listing goes on, but the server did not say where")
            }
            next = ListingToken(text)
        }
        var entries = S3PageEntries(page: page, prefix: prefix)
        let hidden = try entries.emit(object: object, into: sink)
        return ListingPage(next: next, hidden: hidden)
    }

    /// Asks for a page and reads it.
    func list(_ request: S3Request, object: String, limits: S3RetryLimits) throws(StoreError) -> S3ListResult
    {
        do throws(S3Client.GivenUp) {
            return try client.retrying(.listObjects, object: object, limits: limits) {
                attempt throws(S3Failure) in
                try page(request, attempt)
            }
        } catch {
            // A prefix without keys is an empty answer, not a 404.
            if error.error == .notFound { throw .unavailable("\(object): the bucket does not exist") }
            throw error.error
        }
    }

    /// Asks for a page once.
    func page(_ request: S3Request, _ attempt: S3Client.Attempt) throws(S3Failure) -> S3ListResult {
        var body: [UInt8] = []
        _ = try client.send(request, timeout: attempt.timeout) { bytes throws(S3Failure) in
            guard body.count + bytes.count <= Self.pageMaximumBytes else {
                throw .malformed("the listing page has more than \(Self.pageMaximumBytes) bytes")
            }
            body.append(contentsOf: bytes)
        }
        do throws(XMLError) {
            return try S3ListParser.parse(body)
        } catch {
            throw .malformed("the listing is no ListBucketResult: \(error)")
        }
    }
}

extension S3ListResult {
    /// A key or prefix as it is in the bucket.
    func decoded(_ range: Range<Int>) -> [UInt8] {
        guard isURLEncoded else { return Array(texts[range]) }
        return PercentCoding.lenientlyDecoded(texts[range], plusIsBlank: true)
    }
}

/// Turns a page's keys into names, and counts those that cannot be names (`docs/awkward-keys.md`).
struct S3PageEntries {
    /// The longest name that Linux takes, in bytes.
    static let nameMaximumBytes = 255

    let page: S3ListResult
    /// What all keys of the page begin with.
    let prefix: [UInt8]
    private var hidden = 0
    private var key: [UInt8] = []
    /// Names of the directories of this page; empty while there are no objects to be hidden by them.
    private var directories: Set<[UInt8]> = []

    init(page: S3ListResult, prefix: [UInt8]) {
        self.page = page
        self.prefix = prefix
    }

    /// Gives every entry out once.
    /// - Returns: How many keys are hidden.
    mutating func emit(object: String, into sink: EntrySink) throws(StoreError) -> Int {
        let collectsNames = !page.objects.isEmpty
        for range in page.prefixes {
            let name = name(of: range)
            // What ends in a slash is a directory; the name is what comes before.
            guard name.last == UInt8(ascii: "/"), Self.isName(name.dropLast()) else {
                hidden += 1
                continue
            }
            let bare = name.dropLast()
            if collectsNames, !directories.insert(Array(bare)).inserted { continue }
            give(bare, Attributes(kind: .directory, size: 0, modified: 0, etag: nil), sink)
        }
        for entry in page.objects { try emit(entry, object, sink) }
        return hidden
    }

    private mutating func emit(_ entry: S3ListResult.Object, _ object: String, _ sink: EntrySink)
        throws(StoreError)
    {
        let name = name(of: entry.key)
        let modified = entry.modified * 1_000_000_000
        // The marker of the directory itself.
        if name.isEmpty, key.count == prefix.count { return }
        // A marker of a directory inside, from servers that do not fold it into a prefix.
        if name.last == UInt8(ascii: "/"), Self.isName(name.dropLast()) {
            guard directories.insert(Array(name.dropLast())).inserted else { return }
            give(name.dropLast(), Attributes(kind: .directory, size: 0, modified: modified, etag: nil), sink)
            return
        }
        guard Self.isName(name), directories.isEmpty || !directories.contains(Array(name)) else {
            hidden += 1
            return
        }
        guard entry.size >= 0, let etag = S3Store.etag(page.texts[entry.etag]) else {
            throw .corrupt("\(object): the listing has an object without usable size and ETag")
        }
        give(name, Attributes(kind: .file, size: entry.size, modified: modified, etag: etag), sink)
    }

    /// The part of a key behind the prefix; empty for a key that is not under the prefix at all.
    private mutating func name(of range: Range<Int>) -> ArraySlice<UInt8> {
        key.removeAll(keepingCapacity: true)
        if page.isURLEncoded {
            PercentCoding.appendLenientlyDecoded(page.texts[range], plusIsBlank: true, to: &key)
        } else {
            key.append(contentsOf: page.texts[range])
        }
        return key.starts(with: prefix) ? key[prefix.count...] : []
    }

    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        let dot = UInt8(ascii: ".")
        guard !name.isEmpty, name.count <= nameMaximumBytes else { return false }
        if name.first == dot, name.count == 1 || (name.count == 2 && name.last == dot) { return false }
        return name.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
    }

    private func give(_ name: ArraySlice<UInt8>, _ attributes: Attributes, _ sink: EntrySink) {
        name.withUnsafeBytes { sink($0, attributes) }
    }
}
