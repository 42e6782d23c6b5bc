import Foundation
import Metadata
import Pages

@testable import ObjectStore

/// A local store over a scratch directory.
final class LocalFixture: WritableFixture {
    let scratch: ScratchDirectory
    let local: LocalStore
    let furtherNames: [[UInt8]] = [[0x66, 0xFF, 0xFE], [0x80], Array("new\nline".utf8), [0x01, 0x7F]]
    let filesOfSeveralPages = 2500

    var store: any MetadataSource & SpanSource { local }
    var writable: any WritableStore & SpanSource { local }

    init(root: ScratchDirectory? = nil, allowsOpenat2: Bool = true) throws {
        scratch = try root ?? ScratchDirectory()
        local = try LocalStore(
            root: scratch.path,
            uri: "file://\(scratch.path)",
            allowsOpenat2: allowsOpenat2
        )
    }

    func put(_ path: RelativePath, _ bytes: [UInt8]) throws {
        var directory = RelativePath.root
        for component in path.bytes.split(separator: UInt8(ascii: "/")).dropLast() {
            directory = directory.appending(component)
            _ = withPath(directory) { mkdir($0, 0o755) }
        }
        // Kernels before 6.13 stamp files with the time of the last tick only.
        if withPath(path, { access($0, F_OK) }) == 0 { usleep(20_000) }
        // In place, which is harder on a reader than a new file of the same name.
        let descriptor = withPath(path) { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(descriptor) }
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw POSIXError(.EIO) }
    }

    /// Commits one byte, for tests that expect it to fail.
    func overwrite(_ path: RelativePath, if condition: ChangeCondition) throws(StoreError) {
        let staged = StagedFile([9])
        let upload = local.upload(to: path)
        _ = try upload.commit(staged.contents(size: 1), if: condition, attributes: nil)
    }

    func remove(_ path: RelativePath) throws {
        guard withPath(path, { unlink($0) }) == 0 else { throw POSIXError(.ENOENT) }
    }

    /// Runs a call with the absolute path as a C string.
    func withPath<Result>(_ path: RelativePath, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        let bytes = Array(scratch.path.utf8) + [UInt8(ascii: "/")] + path.bytes + [0]
        return bytes.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { buffer in
            guard let text = buffer.baseAddress else { preconditionFailure("a path is never empty") }
            return body(text)
        }
    }
}
