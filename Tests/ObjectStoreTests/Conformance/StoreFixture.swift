import Metadata
import Pages

/// A store under test, and a second way to it by which a test changes what it holds.
protocol StoreFixture: Sendable {
    /// What is tested.
    var store: any MetadataSource & SpanSource { get }
    /// Names that this store must carry beyond those that all must.
    var furtherNames: [[UInt8]] { get }
    /// Whether the server behind the store keeps a name as it is.
    func keeps(_ name: String) -> Bool
    /// How many files are enough for a listing of more than one page, where the store has pages.
    var filesOfSeveralPages: Int { get }

    /// Makes or replaces a file; the directories above it come into being.
    func put(_ path: RelativePath, _ bytes: [UInt8]) throws
    /// Removes a file.
    func remove(_ path: RelativePath) throws
}

extension StoreFixture {
    var furtherNames: [[UInt8]] { [] }

    func keeps(_ name: String) -> Bool { true }

    /// Makes a file and says what the store calls it.
    func version(_ path: RelativePath, _ bytes: [UInt8]) throws -> FileVersion {
        try put(path, bytes)
        return try version(path)
    }

    /// The version that the store has now.
    func version(_ path: RelativePath) throws -> FileVersion {
        let attributes = try store.attributes(of: path, known: nil)
        guard let etag = attributes.etag else { throw ConformanceError.noETag(path) }
        return FileVersion(uri: store.uri(of: path), etag: etag, size: attributes.size)
    }

    /// The bytes of a span, in one array.
    func fetch(_ span: Span, of version: FileVersion) throws(StoreError) -> [UInt8] {
        var bytes: [UInt8] = []
        try store.fetch(span, of: version) { (piece) throws(StoreError) in bytes.append(contentsOf: piece) }
        return bytes
    }

    /// All pages of a directory.
    func list(_ directory: RelativePath) throws -> [(name: [UInt8], attributes: Attributes)] {
        var entries: [(name: [UInt8], attributes: Attributes)] = []
        var token: ListingToken?
        var pages = 0
        repeat {
            let page = try store.list(directory, from: token) { name, attributes in
                entries.append((Array(name), attributes))
            }
            guard page.next == nil || page.next != token, pages < 10_000 else {
                throw ConformanceError.endless
            }
            token = page.next
            pages += 1
        } while token != nil
        return entries
    }
}

/// Why a check could not be made.
enum ConformanceError: Error {
    case noETag(RelativePath)
    case endless
}
