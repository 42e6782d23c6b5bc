import Glibc
import Pages

/// Copies pinned bytes into memory of the caller.
enum HeldCopy {
    /// The bytes of all pieces.
    /// - Throws: ``StoreError/corrupt(_:)`` if a cache file gives fewer bytes than it must have.
    static func bytes(of held: PinnedBytes) throws(StoreError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(held.count)
        var isShort = false
        held.withPieces { pieces in
            for piece in pieces {
                switch piece {
                case .memory(let memory): bytes.append(contentsOf: memory)
                case .file(let descriptor, let offset, let count):
                    bytes += [UInt8](unsafeUninitializedCapacity: count) { space, used in
                        used = max(0, pread(descriptor, space.baseAddress, count, off_t(offset)))
                        isShort = isShort || used != count
                    }
                }
            }
        }
        guard !isShort else { throw .corrupt("a file of the cache is shorter than its record says") }
        return bytes
    }
}
