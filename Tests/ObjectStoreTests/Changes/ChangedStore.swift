import Glibc
import HTTPTransport
import Metadata
import Pages
import Synchronization
import TestServers

@testable import ObjectStore

/// A store over a fresh bucket of a real server, with a relay between that counts and spoils.
struct ChangedStore: Sendable {
    typealias Fate = @Sendable (Int, FaultyRelay.Request) -> FaultyRelay.Fate

    let store: S3Store
    let relay: FaultyRelay
    let upload: S3Upload
    private let fate: FateBox

    private final class FateBox: Sendable {
        let value = Mutex<Fate?>(nil)
    }

    init(
        _ label: String,
        prefix: String = "p",
        _ change: (inout S3Options) -> Void = { _ in }
    ) throws {
        let weed = try WeedServer.shared()
        let bucket = try weed.freshBucket(label)
        upload = bucket.upload
        let box = FateBox()
        fate = box
        relay = try FaultyRelay(to: weed.port) { number, request in
            box.value.withLock { $0 }?(number, request) ?? .pass
        }
        var options = weed.options(bucket.name, prefix: prefix)
        options.endpoint = relay.url
        options.retries.delayMinimum = .milliseconds(1)
        change(&options)
        store = try S3Store(options: options, transport: HTTPTransport(), credentials: weed.credentials())
    }

    /// Asks what the store honours, so that it is not counted with what follows, and sets what becomes of
    /// requests.
    func prepare(_ fate: Fate? = nil) {
        _ = store.conditions()
        relay.reset()
        self.fate.value.withLock { $0 = fate }
    }

    /// Sets what becomes of requests.
    func relayFate(_ fate: @escaping Fate) { self.fate.value.withLock { $0 = fate } }

    var lines: [String] { relay.requests.map(\.line) }

    /// Bytes of bodies.
    var sentBytes: Int { relay.requests.reduce(0) { $0 + $1.count } }

    func bytes(_ path: String) throws -> [UInt8] {
        try store.read(RelativePath(path), limit: 256 << 20).bytes
    }

    /// Whether an object has these bytes; a yes or no, since telling 64 MiB apart takes a test for ever.
    func holds(_ expected: [UInt8], _ path: String) throws -> Bool { try bytes(path) == expected }

    func exists(_ path: String) throws -> Bool {
        do throws(StoreError) {
            _ = try store.attributes(of: RelativePath(path), known: .file)
            return true
        } catch {
            guard error == .notFound else { throw error }
            return false
        }
    }
}

/// A file with no name, for staged bytes.
final class StagingFile: Sendable {
    let descriptor: Int32

    init(_ bytes: [UInt8] = [], at offset: Int64 = 0) throws {
        var template = Array("/tmp/alluxio-fuse-staged-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw TestServerError.system("mkstemp: errno \(errno)") }
        unlink(template)
        write(bytes, at: offset)
    }

    func write(_ bytes: [UInt8], at offset: Int64) { _ = pwrite(descriptor, bytes, bytes.count, Int(offset)) }

    deinit { close(descriptor) }

    /// The contents when nothing is kept.
    func contents(_ size: Int64) -> StagedContents {
        StagedContents(base: nil, kept: [], size: size, staged: descriptor) { _, _ throws(StoreError) in
            throw .corrupt("nothing is kept")
        }
    }

    /// The contents when something is kept of an object.
    func contents(_ size: Int64, kept: [Span], of base: Attributes, _ path: String, _ store: S3Store)
        -> StagedContents
    {
        let version = FileVersion(
            uri: store.uri(of: RelativePath(path)),
            etag: base.etag ?? ETag("none"),
            size: base.size
        )
        return StagedContents(base: version, kept: kept, size: size, staged: descriptor) {
            span,
            sink throws(StoreError) in
            try store.fetch(span, of: version, into: sink)
        }
    }
}

extension ContentUpload {
    /// Sends one part whose sum nobody knows.
    func sendAhead(to end: Int64, from staged: Int32) throws(StoreError) {
        try sendAhead(to: end, from: staged) { _ in nil }
    }
}

/// Bytes that repeat nowhere near.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        var word = seed
        for index in 0..<count {
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            buffer[index] = UInt8(truncatingIfNeeded: word >> 33)
        }
        filled = count
    }
}
