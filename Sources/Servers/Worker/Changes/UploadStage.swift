import CLinux
import Glibc
import NIOCore
import NIOHTTP1
import Pages
import Synchronization

/// Room on the local disk for bodies on their way into a store.
///
/// Shared by all uploads of a worker; any thread may call it.
final class StagingRoom: Sendable {
    private let directory: String
    private let bytesMaximum: Int64
    private let usedBytes = Mutex<Int64>(0)

    /// - Parameters:
    ///   - directory: Where the files lie; they have no names.
    ///   - bytesMaximum: The most bytes of all of them.
    init(directory: String, bytesMaximum: Int64) {
        self.directory = directory
        self.bytesMaximum = bytesMaximum
    }

    /// A new empty file.
    /// - Throws: A 507 if the directory takes none.
    func open() throws(HTTPFailure) -> UploadStage {
        let folder = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        let descriptor = folder >= 0 ? alluxio_unnamed_file(folder) : -errno
        guard descriptor >= 0 else {
            throw .refused(
                .insufficientStorage,
                "'\(directory)' takes no file (error \(-descriptor));"
                    + " set alluxio.worker.staging.dir to a directory that does"
            )
        }
        return UploadStage(descriptor, room: self)
    }

    /// Takes room.
    func take(_ count: Int64) throws(HTTPFailure) {
        let isThere = usedBytes.withLock { used in
            guard used + count <= bytesMaximum else { return false }
            used += count
            return true
        }
        guard !isThere else { return }
        throw .refused(
            .insufficientStorage,
            "bodies under way would need more than alluxio.worker.staging.size, \(bytesMaximum) bytes;"
                + " try again"
        )
    }

    /// Gives room back.
    func give(_ count: Int64) { usedBytes.withLock { $0 -= count } }
}

/// One body on the local disk, gone with the object.
///
/// Written by one thread at a time, read by any.
final class UploadStage: Sendable {
    let descriptor: Int32
    private let room: StagingRoom
    private let written = Mutex<Int64>(0)

    init(_ descriptor: Int32, room: StagingRoom) {
        self.descriptor = descriptor
        self.room = room
    }

    deinit {
        close(descriptor)
        room.give(size)
    }

    /// How many bytes there are.
    var size: Int64 { written.withLock { $0 } }

    /// Appends bytes.
    /// - Throws: A 507 if there is no room for them.
    func append(_ bytes: UnsafeRawBufferPointer) throws(HTTPFailure) {
        try room.take(Int64(bytes.count))
        let start = written.withLock { size in
            defer { size += Int64(bytes.count) }
            return size
        }
        let outcome = linux_pwrite_all(descriptor, bytes.baseAddress, bytes.count, start)
        guard outcome == 0 else {
            throw .refused(.insufficientStorage, "the staging directory takes no more: error \(-outcome)")
        }
    }

    /// Appends a body's bytes.
    func append(_ bytes: ByteBuffer) throws(HTTPFailure) {
        let outcome = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTPFailure) in try append(bytes) }
        }
        try outcome.get()
    }
}
