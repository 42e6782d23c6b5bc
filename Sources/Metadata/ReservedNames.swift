/// Names that are ours in every directory of a store, and that no listing shows to others.
public enum ReservedNames {
    /// What such names begin with: the attribute objects of `docs/design.md`.
    public static let prefix = Array(".alluxio.attributes".utf8)

    /// Whether a name is reserved.
    /// - Parameter name: One component.
    /// - Returns: Whether it is one of ours, which nobody may make and no listing shows.
    public static func contains(_ name: some Collection<UInt8>) -> Bool { name.starts(with: prefix) }

    /// Whether a name is reserved.
    /// - Parameter name: One component.
    /// - Returns: Whether it is one of ours, which nobody may make and no listing shows.
    public static func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count >= prefix.count && name[0] == prefix[0] && name.starts(with: prefix)
    }

    /// Whether a component of a path is reserved.
    /// - Parameter path: Any path.
    /// - Returns: Whether any of its components is one of ours.
    public static func contains(anyOf path: RelativePath) -> Bool {
        path.bytes.split(separator: UInt8(ascii: "/")).contains { contains($0) }
    }
}
