import HTTPTransport
import Metadata
import ObjectStore
import Pages
import TestServers
import Testing

/// A bucket of a real S3 server; the store sees what lies under a prefix of it.
final class S3Fixture: StoreFixture {
    private static let prefix = "data set/v1"
    let store: any MetadataSource & SpanSource
    let filesOfSeveralPages = 1100
    private let upload: S3Upload

    init() throws {
        let weed = try WeedServer.shared()
        let bucket = try weed.freshBucket("conformance")
        upload = bucket.upload
        store = try S3Store(
            options: weed.options(bucket.name, prefix: Self.prefix),
            transport: HTTPTransport(),
            credentials: weed.credentials()
        )
        // A neighbour that must never be seen.
        try upload.put([0], to: Array("\(Self.prefix)-other/file".utf8))
    }

    /// SeaweedFS takes a backslash for a slash; the signed request carries it as it is.
    func keeps(_ name: String) -> Bool { !name.contains("\\") }

    func put(_ path: RelativePath, _ bytes: [UInt8]) throws {
        try upload.put(bytes, to: key(path))
    }

    func remove(_ path: RelativePath) throws {
        try upload.delete(key(path))
    }

    private func key(_ path: RelativePath) -> [UInt8] { Array("\(Self.prefix)/".utf8) + path.bytes }
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct S3ConformanceTests {
    @Test(arguments: StoreConformance.allCases)
    func anS3StoreKeepsEveryPromise(_ promise: StoreConformance) throws {
        try promise.check(S3Fixture())
    }
}
