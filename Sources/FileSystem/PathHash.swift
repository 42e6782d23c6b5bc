/// The 64-bit hash of a path inside the mount: the stable inode number, and the key of the path index.
///
/// Made component by component, so a child's hash costs only its name. The same in every process and on every
/// machine, since users see it as `st_ino`. Not proof against names chosen to collide: equal hashes are
/// compared by name, so a collision costs time and a shared `st_ino`, never a wrong file.
enum PathHash {
    /// The root's hash and inode number.
    static let root: UInt64 = 1
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let finalMultiplier: UInt64 = 0xD6E8_FEB8_6659_FD93

    /// The hash of a child.
    /// - Parameters:
    ///   - name: The child's component.
    ///   - parent: The directory's hash.
    /// - Returns: Never 0 or 1.
    static func child(_ name: UnsafeRawBufferPointer, of parent: UInt64) -> UInt64 {
        var state = fold(parent ^ UInt64(name.count) &* multiplier, multiplier)
        var index = 0
        while index + 8 <= name.count {
            let word = UInt64(littleEndian: name.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            state = fold(state ^ word, multiplier)
            index += 8
        }
        var tail: UInt64 = 0
        while index < name.count {
            tail = tail << 8 | UInt64(name[index])
            index += 1
        }
        state = fold(state ^ tail, finalMultiplier)
        // 0 is no inode number, and 1 is the root's.
        return state > root ? state : state | 2
    }

    private static func fold(_ value: UInt64, _ factor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        return product.high ^ product.low ^ factor.byteSwapped
    }
}
