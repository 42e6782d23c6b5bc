import Foundation
import Metadata
import Pages

/// A store under test that can be changed.
protocol WritableFixture: StoreFixture {
    /// What is tested.
    var writable: any WritableStore & SpanSource { get }
    /// A name that is one byte longer than the store takes.
    var nameTooLong: [UInt8] { get }
    /// Another owner and group that files can be given to; the own ones if they cannot.
    var owner: (uid: UInt32, gid: UInt32) { get }
}

extension WritableFixture {
    var nameTooLong: [UInt8] { [UInt8](repeating: UInt8(ascii: "n"), count: 256) }
    var owner: (uid: UInt32, gid: UInt32) { geteuid() == 0 ? (4711, 4712) : (getuid(), getgid()) }

    /// What a store says of a name now.
    func look(_ path: RelativePath) throws(StoreError) -> Attributes {
        try writable.attributes(of: path, known: nil)
    }

    /// What mkdir, mknod and symlink are called with.
    func entry(_ mode: mode_t, device: UInt64 = 0, target: String = "", time: Int64 = 1) -> NewEntry {
        NewEntry(
            mode: UInt32(mode),
            uid: owner.uid,
            gid: owner.gid,
            device: device,
            target: Array(target.utf8),
            time: time
        )
    }

    /// Makes a file as a mount does.
    @discardableResult
    func create(_ path: RelativePath, _ bytes: [UInt8]) throws -> Attributes {
        var condition = ChangeCondition.absent
        if writable.makesFilesAtOnce, let etag = try writable.make(path, entry(S_IFREG | 0o644)).etag {
            condition = .version(etag)
        }
        return try commit(bytes, to: path, if: condition)
    }

    /// Makes a directory.
    @discardableResult
    func makeDirectory(_ path: RelativePath) throws -> Attributes {
        try writable.make(path, entry(S_IFDIR | 0o755))
    }

    /// Replaces everything that a file has.
    @discardableResult
    func commit(
        _ bytes: [UInt8],
        to path: RelativePath,
        if condition: ChangeCondition,
        attributes: POSIXAttributes? = nil
    ) throws(StoreError) -> Attributes {
        let staged = StagedFile(bytes)
        return try writable.upload(to: path).commit(
            staged.contents(size: bytes.count),
            if: condition,
            attributes: attributes
        )
    }

    /// The version that attributes speak of.
    func version(_ path: RelativePath, _ attributes: Attributes) -> FileVersion {
        FileVersion(
            uri: writable.uri(of: path),
            etag: attributes.etag ?? ETag("none"),
            size: attributes.size
        )
    }

    /// All bytes of what is under a name now.
    func bytes(_ path: RelativePath) throws(StoreError) -> [UInt8] {
        let attributes = try look(path)
        guard attributes.size > 0 else { return [] }
        return try fetch(Span(from: 0, to: attributes.size), of: version(path, attributes))
    }
}

/// A staging file without a name.
final class StagedFile: Sendable {
    let descriptor: Int32

    init(_ bytes: [UInt8] = []) {
        var template = Array("\(NSTemporaryDirectory())/staged-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        precondition(descriptor >= 0, "no staging file")
        unlink(template)
        write(bytes, at: 0)
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8], at offset: Int) {
        precondition(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count, "not staged")
    }

    /// New contents of which nothing is kept.
    func contents(size: Int) -> StagedContents {
        StagedContents(base: nil, kept: [], size: Int64(size), staged: descriptor) {
            (span, _) throws(StoreError) in
            throw .corrupt("\(span) is not kept")
        }
    }
}
