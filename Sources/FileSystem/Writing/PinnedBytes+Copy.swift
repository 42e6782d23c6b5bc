import CLinux
import Glibc
import Pages

extension PinnedBytes {
    /// Gives the bytes to a sink, reading those that lie in a file.
    /// - Parameter sink: Takes them in order, on this thread.
    /// - Throws: What the sink threw, or ``StoreError/corrupt(_:)`` if a file is shorter than promised.
    func copy(into sink: SpanSink) throws(StoreError) {
        try withPieces { pieces throws(StoreError) in
            for piece in pieces {
                switch piece {
                case .memory(let bytes):
                    if !bytes.isEmpty { try sink(bytes) }
                case .file(let descriptor, let offset, let count):
                    try Self.read(descriptor, offset, count, into: sink)
                }
            }
        }
    }

    private static func read(
        _ descriptor: Int32,
        _ offset: Int64,
        _ count: Int,
        into sink: SpanSink
    ) throws(StoreError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 4096)
        defer { buffer.deallocate() }
        let got = linux_pread_all(descriptor, buffer.baseAddress, count, offset)
        guard got == Int64(count) else {
            throw .corrupt("a local file ends after \(max(got, 0)) of \(count) bytes at \(offset)")
        }
        if count > 0 { try sink(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    }
}
