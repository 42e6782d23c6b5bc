/// A path as a dictionary key; hashes its bytes at once, where an array of bytes would hash them one by one.
struct PathKey: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ path: RelativePath) {
        bytes = path.bytes
    }

    init(bytes: ArraySlice<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// The path that this is the key of.
    var path: RelativePath { RelativePath(bytes: bytes) }

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// Whether this path is `directory` or lies somewhere below it.
    func isAtOrBelow(_ directory: PathKey) -> Bool {
        let count = directory.bytes.count
        guard count > 0 else { return true }
        guard bytes.count >= count, bytes.starts(with: directory.bytes) else { return false }
        return bytes.count == count || bytes[count] == UInt8(ascii: "/")
    }
}
