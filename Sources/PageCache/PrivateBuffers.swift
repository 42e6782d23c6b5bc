import Glibc
import Pages
import Synchronization
import Threading

/// Memory for reads that the cache cannot hold: a full or broken disk, or every block pinned.
///
/// Bounded: whoever would exceed the limit waits for another reader to let go. Any thread may call it.
final class PrivateBuffers: Sendable {
    private let bytesMaximum: Int
    private let used = Mutex(0)
    private let freed = Flight()

    /// - Parameter bytesMaximum: The most bytes lent at a time; one larger buffer is lent when no other is.
    init(bytesMaximum: Int) {
        self.bytesMaximum = bytesMaximum
    }

    /// Lends a buffer.
    /// - Parameters:
    ///   - count: Its length in bytes; positive.
    ///   - deadline: How long to wait for others to let go.
    /// - Returns: `nil` if nobody did.
    func take(_ count: Int, until deadline: MonotonicInstant) -> PrivateBuffer? {
        while true {
            let seen: UInt64? = used.withLock { used in
                guard used == 0 || used + count <= bytesMaximum else { return freed.generation }
                used += count
                return nil
            }
            guard let seen else { return PrivateBuffer(count: count, lender: self) }
            if freed.wait(past: seen, until: deadline) == .timedOut { return nil }
        }
    }

    fileprivate func giveBack(_ count: Int) {
        used.withLock { $0 -= count }
        freed.advance()
    }
}

/// One lent buffer; given back with its last reference.
// Safety: filled by one thread before it is shared, read-only afterwards, freed with the last reference.
final class PrivateBuffer: Pin, @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    private let lender: PrivateBuffers

    fileprivate init(count: Int, lender: PrivateBuffers) {
        bytes = .allocate(byteCount: count, alignment: Granule.bytes)
        self.lender = lender
    }

    deinit {
        bytes.deallocate()
        lender.giveBack(bytes.count)
    }
}
