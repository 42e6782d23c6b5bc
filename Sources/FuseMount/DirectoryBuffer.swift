import CFuse3
import CFuse3Shim
import FileSystem

/// The entries of one READDIR or READDIRPLUS reply, in the kernel's layout.
///
/// Made and used by one thread at a time.
final class DirectoryBuffer {
    private let storage: UnsafeMutableRawBufferPointer
    private let plus: Bool
    /// How much of the buffer is filled, in bytes.
    private(set) var count = 0
    private var isTooSmall = false

    /// Makes an empty buffer of as many bytes as the kernel takes.
    init(room: Int, plus: Bool) {
        storage = .allocate(byteCount: max(room, 1), alignment: 8)
        self.plus = plus
    }

    deinit { storage.deallocate() }

    /// The filled part.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[..<count]) }

    /// Takes what the directory has at hand, and itself as the answer.
    func fill(
        from operations: any Operations,
        _ handle: HandleID,
        cookie: UInt64,
        _ patience: Patience
    ) throws(FileSystemError) -> DirectoryBuffer {
        do throws(FileSystemError) {
            try operations.readDirectory(handle, from: cookie, patience, withAttributes: plus) {
                entry,
                node in
                append(entry, node)
            }
        } catch {
            // The entries are counted as known to the kernel already; the next request meets the error again.
            if count == 0 { throw error }
        }
        if count == 0 && isTooSmall { throw .invalid }
        return self
    }

    private func append(_ entry: DirectoryEntry, _ node: NodeAttributes?) -> Bool {
        guard let name = entry.name.baseAddress else { return true }
        var record = afuse_entry()
        record.name = name
        record.name_count = entry.name.count
        record.next = entry.nextCookie
        if let node, plus {
            record.has_node = 1
            record.param = fuse_entry_param(node)
        } else {
            record.param.attr.st_ino = ino_t(entry.inode)
            record.param.attr.st_mode = entry.type & UInt32(S_IFMT)
        }
        let room = storage.count - count
        let length = afuse_add_entry(
            storage.baseAddress?.advanced(by: count).assumingMemoryBound(to: CChar.self),
            room,
            &record,
            plus
        )
        guard length <= room else {
            isTooSmall = true
            return false
        }
        count += length
        return true
    }

    /// Runs `body` for each node that READDIRPLUS told the kernel of.
    func forEachNode(_ body: (NodeID) -> Void) {
        guard plus, let base = storage.baseAddress else { return }
        var offset = 0
        while offset < count {
            let node = afuse_next_plus_node(base.assumingMemoryBound(to: CChar.self), count, &offset)
            if node != 0 { body(node) }
        }
    }
}
