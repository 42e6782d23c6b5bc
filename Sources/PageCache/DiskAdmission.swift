import CLinux
import Glibc
import Pages
import Synchronization

/// Writes the bytes of one claimed run to the data file, on the thread that fetches them.
///
/// Collects up to 256 KiB, aligned to that in the file, for one write; the checksums are taken from the
/// same buffer.
final class DiskAdmission: Admission {
    private let content: DiskContent
    private let descriptor: Descriptor
    private let buffer: WriteBuffer
    private let end: Int64
    private var start: Int64
    private var filled = 0
    private var published: Int
    private var hasFailed = false

    init(_ granules: Range<Int>, of content: DiskContent, into descriptor: Descriptor) {
        self.content = content
        self.descriptor = descriptor
        let span = Granule.span(of: granules, size: content.size)
        start = span.offset
        end = span.end
        published = granules.lowerBound
        buffer = content.store.buffers.take(min(span.count, CacheLimits.writeBytes))
    }

    /// How much is collected before the next write.
    private var room: Int {
        let boundary = CacheLimits.writeBytes - Int(start % Int64(CacheLimits.writeBytes))
        return min(boundary, Int(end - start), buffer.bytes.count)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(AdmissionFailure) -> Int {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, room - filled)
            let source = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
            UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[filled..<filled + count]).copyMemory(
                from: source
            )
            filled += count
            rest = rest.dropFirst(count)
            if filled == room { try write(filled) }
        }
        return published
    }

    func finish() -> Int {
        // Whole granules that arrived before a failure need not be fetched again.
        let whole = start + Int64(filled) == end ? filled : filled / Granule.bytes * Granule.bytes
        // A file made for one write of all its bytes has no length yet, and its record would not be believed.
        if start + Int64(filled) < end { ftruncate(descriptor.number, off_t(content.size)) }
        if whole > 0, !hasFailed { try? write(whole) }
        let unwritten = end - min(end, Int64(published) * Int64(Granule.bytes))
        content.store.usage.withLock { $0.unreserve(unwritten) }
        content.store.buffers.giveBack(buffer)
        return published
    }

    /// Data first, then the book; the record follows later.
    private func write(_ count: Int) throws(AdmissionFailure) {
        let granules = published..<published + (count + Granule.bytes - 1) / Granule.bytes
        let result = linux_pwrite_all(descriptor.number, buffer.bytes.baseAddress, count, start)
        guard result == 0 else {
            hasFailed = true
            content.store.failed("write cached bytes", result)
            throw AdmissionFailure()
        }
        var sums = [UInt32](repeating: 0, count: granules.count)
        linux_crc32c_pieces(buffer.bytes.baseAddress, count, Granule.bytes, &sums)
        content.publish(granules, checksums: sums)
        published = granules.upperBound
        start += Int64(count)
        filled = 0
    }
}
