import CFuse3
@testable import FileSystem
import FuseMount
import Glibc
import Logging
import Pages
import Synchronization
import Testing

/// One file in its root, as cheaply as it can be served: what is left is the cost of the mount.
private final class OneFile: UnchangedOperations {
    let negativeValid = Duration.zero
    private let size: Int
    private let descriptor: Int32
    // Safety: the memory is filled before the file system is made, and never freed.
    nonisolated(unsafe) private let memory: UnsafeRawBufferPointer?
    private let attributesValid: Duration

    init(path: String, inMemory: Bool, cachesAttributes: Bool) throws {
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        size = Int(lseek(descriptor, 0, SEEK_END))
        attributesValid = cachesAttributes ? .seconds(3600) : .zero
        guard inMemory else {
            memory = nil
            return
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        var done = 0
        while done < size {
            let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), size - done, off_t(done))
            try #require(count > 0)
            done += count
        }
        memory = UnsafeRawBufferPointer(buffer)
    }

    private func attributes(_ node: NodeID) -> NodeAttributes {
        NodeAttributes(
            node: node,
            inode: node,
            mode: node == 1 ? 0o40755 : 0o100444,
            linkCount: 1,
            uid: 0,
            gid: 0,
            device: 0,
            size: node == 1 ? 4096 : Int64(size),
            accessed: 0,
            modified: 1_700_000_000_123_456_789,
            changed: 0,
            attributesValid: attributesValid,
            entryValid: .seconds(3600)
        )
    }

    func lookup(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        guard name.elementsEqual("file".utf8) else { throw .notFound }
        return attributes(2)
    }

    func forget(_ node: NodeID, count: UInt64) {}

    func attributes(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> NodeAttributes {
        attributes(node)
    }

    func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile {
        OpenedFile(handle: 1, keepsKernelPages: true)
    }

    func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        let span = Span(offset: offset, count: count).clamped(to: Int64(size))
        guard let memory else {
            return PinnedBytes(
                pieces: [.file(descriptor: descriptor, offset: offset, count: span.count)],
                pin: nil
            )
        }
        let start = Int(span.offset)
        return PinnedBytes(pieces: [.memory(.init(rebasing: memory[start..<(start + span.count)]))], pin: nil)
    }

    func release(_ handle: HandleID, _ patience: Patience) {}

    func seek(_ handle: HandleID, from offset: Int64, whence: Int32) throws(FileSystemError) -> Int64 {
        offset
    }

    func openDirectory(_ node: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID { 2 }

    func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError) {}

    func releaseDirectory(_ handle: HandleID) {}

    func linkTarget(of node: NodeID, _ patience: Patience) throws(FileSystemError) -> [UInt8] {
        throw .invalid
    }

    func extendedAttribute(
        _ name: String,
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [UInt8] { throw .noAttribute }

    func extendedAttributeNames(
        of node: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> [String] { [] }

    func statistics() -> FileSystemStatistics { FileSystemStatistics() }
}

private func setting(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Serves a file for `Benchmarks/minimal-server/compare.py`, and is no test otherwise.
@Suite(.enabled(if: setting("ALLUXIO_FUSE_SERVE") != nil))
struct BenchmarkServer {
    @Test("serves one file until it is unmounted")
    func serve() throws {
        let path = try #require(setting("ALLUXIO_FUSE_SERVE"))
        let flags = setting("ALLUXIO_FUSE_SERVE_FLAGS") ?? ""
        let file = try OneFile(
            path: path,
            inMemory: flags.contains("m"),
            cachesAttributes: !flags.contains("a")
        )
        var options = MountOptions(
            mountpoint: try #require(setting("ALLUXIO_FUSE_SERVE_AT")),
            fsname: "benchmark"
        )
        options.directIO = flags.contains("d")
        options.movesPages = flags.contains("M")
        options.allowsOthers = flags.contains("o")
        let session = FuseSession(
            operations: file,
            options: options,
            logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() },
            handOver: { _ in false }
        )
        try session.mount()
        #expect(session.run() == .unmounted)
        print("spliced \(session.spliced.replies) replies, \(session.spliced.bytes) bytes")
    }
}
