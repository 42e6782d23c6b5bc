/// A path inside a mount: components joined with `/`, no slash at either end; empty for the root.
///
/// Bytes, not text: names need not be UTF-8. No component is empty, `.` or `..`.
public struct RelativePath: Hashable, Sendable, CustomStringConvertible {
    /// The path's bytes.
    public let bytes: [UInt8]

    /// The root of the mount.
    public static let root = RelativePath(bytes: [])

    /// Wraps bytes that already have the form of a path.
    /// - Parameter bytes: Components joined with `/`, no slash at either end.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Wraps text that already has the form of a path.
    /// - Parameter text: Components joined with `/`, no slash at either end.
    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// Whether this is the root of the mount.
    public var isRoot: Bool { bytes.isEmpty }

    /// The path of a child.
    /// - Parameter name: One component: not empty, no slash.
    /// - Returns: This path, a slash unless it is the root, and the name.
    public func appending(_ name: some Collection<UInt8>) -> RelativePath {
        var joined: [UInt8] = []
        joined.reserveCapacity(bytes.count + 1 + name.count)
        joined.append(contentsOf: bytes)
        if !bytes.isEmpty { joined.append(UInt8(ascii: "/")) }
        joined.append(contentsOf: name)
        return RelativePath(bytes: joined)
    }

    /// The directory that holds this path; nil for the root.
    public var parent: RelativePath? {
        guard !isRoot else { return nil }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return RelativePath(bytes: Array(bytes[..<slash]))
    }

    /// The last component; empty for the root.
    public var name: ArraySlice<UInt8> {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes[...] }
        return bytes[(slash + 1)...]
    }

    /// Whether the path is another one or lies below it.
    /// - Parameter top: The other path.
    /// - Returns: `true` for the path itself, and for everything if `top` is the root.
    public func isAtOrBelow(_ top: RelativePath) -> Bool {
        if top.isRoot { return true }
        guard bytes.starts(with: top.bytes) else { return false }
        return bytes.count == top.bytes.count || bytes[top.bytes.count] == UInt8(ascii: "/")
    }

    /// The path as text; bytes that are not UTF-8 show as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
