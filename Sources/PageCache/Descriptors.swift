import Glibc
import Synchronization

/// An open file, closed with the last reference.
final class Descriptor: Sendable {
    /// The number, for system calls.
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// Bounds how many cache files are kept open.
///
/// Any thread may call it.
///
/// A descriptor that is lent to a reader stays open until the reader lets go, also when it left this table.
final class DescriptorTable: Sendable {
    private let holdersMaximum: Int
    private let holders = Mutex<[ObjectIdentifier: DiskContent]>([:])

    /// - Parameter descriptorsMaximum: The most kept; at most a quarter of what the process may open.
    init(descriptorsMaximum: Int) {
        var limit = rlimit()
        let allowed =
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
            ? Int(clamping: limit.rlim_cur) : 1024
        holdersMaximum = max(1, min(descriptorsMaximum, allowed / 4))
    }

    /// How many files are open.
    var count: Int { holders.withLock { $0.count } }

    /// Notes that a content keeps a descriptor; makes another one let go of its own if there are too many.
    func add(_ content: DiskContent) {
        let victim = holders.withLock { holders -> DiskContent? in
            holders[ObjectIdentifier(content)] = content
            guard holders.count > holdersMaximum else { return nil }
            let now = DiskStore.now
            let oldest = holders.filter { $0.value !== content }.max {
                now &- $0.value.lastUse < now &- $1.value.lastUse
            }
            guard let oldest else { return nil }
            holders[oldest.key] = nil
            return oldest.value
        }
        victim?.dropDescriptor()
    }

    /// Notes that a content keeps none.
    func remove(_ content: DiskContent) {
        let last = holders.withLock { $0.removeValue(forKey: ObjectIdentifier(content)) }
        withExtendedLifetime(last) {}
    }
}

/// Aligned buffers that collect what a disk admission writes at once.
///
/// Any thread may call it.
final class WriteBuffers: Sendable {
    private let idle = Mutex<[WriteBuffer]>([])

    /// A buffer of at least `count` bytes.
    func take(_ count: Int) -> WriteBuffer {
        guard count > CacheLimits.writeBytes / 2 else { return WriteBuffer(count: count) }
        return idle.withLock { $0.popLast() } ?? WriteBuffer(count: CacheLimits.writeBytes)
    }

    /// Keeps a buffer for the next one.
    func giveBack(_ buffer: WriteBuffer) {
        guard buffer.bytes.count == CacheLimits.writeBytes else { return }
        idle.withLock { if $0.count < CacheLimits.idleBuffersMaximum { $0.append(buffer) } }
    }

    /// Frees the idle ones.
    func trim() {
        let freed = idle.withLock { idle in
            defer { idle = [] }
            return idle
        }
        withExtendedLifetime(freed) {}
    }
}

/// One buffer.
// Safety: used by one admission at a time; it changes hands only through the lock of WriteBuffers.
final class WriteBuffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) {
        bytes = .allocate(byteCount: count, alignment: Granule.bytes)
    }

    deinit { bytes.deallocate() }
}
