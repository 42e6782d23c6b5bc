import Pages

/// What a foreign worker says of a file: `/v1/info`.
struct ForeignStatus: Hashable, Sendable {
    /// Whether it is a file, and complete.
    var isFile: Bool
    /// Its length in bytes.
    var length: Int64
    /// Its last change, in milliseconds since 1970.
    var modifiedMilliseconds: Int64
    /// The version of its contents; empty if the worker keeps none.
    var contentHash: String

    /// Whether it is the version that is to be read.
    /// - Parameters:
    ///   - version: What is to be read.
    ///   - policy: How much must agree.
    ///   - modified: The version's last change as the store says it, in nanoseconds since 1970; nil if it
    ///     is not known. Asked for only where the worker has no content hash.
    /// - Returns: Whether it may be read from this worker.
    func agrees(
        with version: FileVersion,
        _ policy: ForeignWorkers,
        modified: () -> Int64?
    ) -> Bool {
        guard isFile, length == version.size else { return false }
        switch policy {
        case .off: return false
        case .trust: return true
        case .verify:
            let hash = contentHash.filter { $0 != "\"" }
            guard hash.isEmpty else { return hash == version.etag.text }
            // Stores tell times by the second or finer, and not alike in every answer.
            guard let modified = modified() else { return false }
            return modified / 1_000_000_000 == modifiedMilliseconds / 1000
        }
    }
}

/// What is known of the files and pages of one foreign worker; a plain value.
///
/// At most ``versionsMaximum`` versions; the whole lot is forgotten then, since each is one question.
struct ForeignKnowledge: Sendable {
    static let versionsMaximum = 1024
    /// How long a file that can't be used is not looked at again.
    static let unusableTime = Duration.seconds(30)
    /// How fresh the status of a file must be before its last page is read.
    static let lastPageFreshness = Duration.seconds(1)

    /// The version as the worker has it.
    struct Known: Sendable {
        var status: ForeignStatus
        var isUsable: Bool
        /// Whether page 0 is the whole file, so that the length of pages does not matter.
        var isOnePage = false
        var checked: ContinuousClock.Instant
    }

    /// The length of its pages in bytes; nil until a full page 0 was seen.
    private(set) var pageBytes: Int64?
    private var versions: [FileVersion: Known] = [:]

    /// What is known of a version, unless it is to be looked at again.
    func known(_ version: FileVersion, at now: ContinuousClock.Instant) -> Known? {
        guard let known = versions[version] else { return nil }
        return known.isUsable || known.checked.duration(to: now) < Self.unusableTime ? known : nil
    }

    /// Notes what was found out of a version.
    mutating func note(_ known: Known, of version: FileVersion) {
        if versions.count >= Self.versionsMaximum { versions.removeAll() }
        versions[version] = known
    }

    /// Learns from the length of page 0 of a file.
    /// - Returns: Whether anything could be learnt.
    mutating func learn(firstPageBytes: Int64, of version: FileVersion) -> Bool {
        if firstPageBytes == version.size {
            versions[version]?.isOnePage = true
            return true
        }
        // A full page is shorter than the file, and no odd number of bytes.
        guard firstPageBytes < version.size, firstPageBytes >= Self.pageUnitBytes,
            firstPageBytes.isMultiple(of: Self.pageUnitBytes)
        else { return false }
        pageBytes = firstPageBytes
        return true
    }

    /// Forgets the length of pages, since an answer did not fit it.
    mutating func forgetPages() {
        pageBytes = nil
        versions.removeAll()
    }

    /// No worker has pages that are not a multiple of it.
    private static let pageUnitBytes: Int64 = 1024
}

/// A part of one page of a foreign worker.
struct ForeignPiece: Hashable, Sendable {
    /// Which page.
    let index: Int64
    /// Which of its bytes.
    let part: Span

    /// Cuts a span at the borders of pages.
    /// - Parameters:
    ///   - span: Inside of the file.
    ///   - pageBytes: The length of a page; positive.
    /// - Returns: The pieces in order.
    static func pieces(of span: Span, pageBytes: Int64) -> [ForeignPiece] {
        var pieces: [ForeignPiece] = []
        var position = span.offset
        while position < span.end {
            let index = position / pageBytes
            let stop = min((index + 1) * pageBytes, span.end)
            let start = index * pageBytes
            pieces.append(ForeignPiece(index: index, part: Span(from: position - start, to: stop - start)))
            position = stop
        }
        return pieces
    }
}
