internal import CLinux
internal import Glibc
internal import Pages

/// A descriptor that is closed when its last user drops it.
final class OpenFile: Sendable {
    /// The longest text that a link can have.
    private static let linkBytesMaximum = 4096

    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// What `fstat` says.
    func status() throws(LocalRoot.Failure) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw LocalRoot.Failure(code: errno) }
        return status
    }

    /// The text of a link that was opened itself.
    func linkText() throws(LocalRoot.Failure) -> [UInt8] {
        let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Self.linkBytesMaximum)
        defer { buffer.deallocate() }
        let length = alluxio_read_link(descriptor, buffer.baseAddress, UInt64(buffer.count))
        guard length >= 0 else { throw LocalRoot.Failure(code: Int32(-length)) }
        return buffer[..<Int(length)].map { UInt8(bitPattern: $0) }
    }

    /// Reads at an offset.
    /// - Parameters:
    ///   - buffer: Filled from its start; not empty.
    ///   - offset: In bytes from the start of the file.
    /// - Returns: How many bytes were read; 0 at the end of the file.
    /// - Throws: The errno.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(LocalRoot.Failure) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw LocalRoot.Failure(code: errno) }
        }
    }
}
