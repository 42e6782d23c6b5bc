/// One store that is mounted as a directory of the root.
///
/// Its text, as in logs and `alluxio mount list`, has no secrets.
public struct MountEntry: Hashable, Sendable, CustomStringConvertible {
    /// The longest name of a directory of the root, in bytes.
    static let nameMaximumBytes = 255

    /// Where it is mounted: a slash and a name.
    public let path: String
    /// What is mounted: the URI of a store or of a directory in it, without a slash at the end.
    public let ufs: String
    /// Settings of the store, such as its endpoint and keys.
    public let options: [String: String]
    /// Whether nobody may change the store through this mount.
    public let isReadOnly: Bool
    let location: UFSLocation

    /// Checks and describes a mount.
    /// - Parameters:
    ///   - path: A direct child of `/`; one slash at the end is taken off.
    ///   - ufs: An absolute URI such as `s3://bucket/prefix`; slashes at the end are taken off.
    ///   - options: Settings of the store.
    ///   - isReadOnly: Whether nobody may change the store through this mount.
    /// - Throws: ``MountTableError/refused(_:)`` for a path or URI that can't be mounted.
    public init(
        path: String,
        ufs: String,
        options: [String: String] = [:],
        isReadOnly: Bool = false
    ) throws(MountTableError) {
        self.path = "/" + (try Self.name(of: path))
        location = try Self.location(of: ufs)
        self.ufs = Self.trimmed(ufs)
        self.options = options
        self.isReadOnly = isReadOnly
        for (key, value) in options where key.isEmpty || (key + value).utf8.contains(where: Self.isControl) {
            throw .refused("option \(key.debugDescription) of \(path) is empty or has a control character")
        }
    }

    /// The name of the directory.
    public var name: String { String(path.dropFirst()) }

    private static func name(of path: String) throws(MountTableError) -> String {
        guard path.hasPrefix("/") else {
            throw .refused("\(path.debugDescription) does not begin with a slash; mount at /name")
        }
        var name = path.dropFirst()
        if name.hasSuffix("/") { name = name.dropLast() }
        guard !name.isEmpty else {
            throw .refused("a store can't be mounted at /; mount it at a directory of the root, such as /s3")
        }
        guard !name.contains("/") else {
            throw .refused(
                "\(path) is not a direct child of /; mount at a path such as /name, without nesting"
            )
        }
        guard name != ".", name != "..", !name.hasPrefix(".alluxiocli"), name.utf8.count <= nameMaximumBytes,
            !name.utf8.contains(where: isControl)
        else {
            throw .refused(
                "\(path.debugDescription) can't be a directory's name; mount at a path such as /s3"
            )
        }
        return String(name)
    }

    private static func trimmed(_ ufs: String) -> String {
        var text = ufs
        while text.hasSuffix("/"), !text.hasSuffix("://") { text.removeLast() }
        return text
    }

    private static func location(of ufs: String) throws(MountTableError) -> UFSLocation {
        guard let location = UFSLocation(ufs) else {
            throw .refused(
                "\(ufs.debugDescription) is no URI of a store; give one such as s3://bucket/prefix"
            )
        }
        guard !location.authority.contains("@") else {
            throw .refused("the UFS URI of a mount can't hold user and password; give them as options")
        }
        return location
    }

    private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

    /// What stands in place of a secret.
    public static let mask = "******"

    /// The options in ascending order of keys, with ``mask`` in place of keys, passwords and tokens.
    public var shownOptions: [(key: String, value: String)] {
        options.sorted { $0.key < $1.key }
            .map { ($0.key, Self.isSecret($0.key) ? Self.mask : $0.value) }
    }

    private static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased().filter { $0.isLetter }
        return [
            "secret", "password", "passwd", "token", "credential", "accesskey", "privatekey", "accountkey",
        ]
        .contains { key.contains($0) }
    }

    /// The word that marks a mount which nobody may write to, in listings and in files.
    static let readOnlyWord = "readonly"

    /// The line of `alluxio mount list`: `<ufs> on <path> properties={k=v, …}`, with ` readonly` at the end
    /// of one that nobody may write to.
    public var description: String {
        let shown = shownOptions.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
        return "\(ufs) on \(path) properties={\(shown)}" + (isReadOnly ? " \(Self.readOnlyWord)" : "")
    }
}

/// Where a store lies, as far as it matters whether one is inside another.
struct UFSLocation: Hashable {
    /// In lower case; `s3a` and `s3n` are the same stores as `s3`.
    let scheme: String
    /// Bucket or host; empty for `file`.
    let authority: String
    /// The components of the path.
    let path: [Substring]

    /// - Returns: nil if the text is no absolute URI, or names no bucket.
    init?(_ uri: String) {
        guard let colon = uri.firstIndex(of: ":"), colon > uri.startIndex,
            uri[colon...].hasPrefix("://"), !uri.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { return nil }
        let scheme = uri[..<colon].lowercased()
        let isName = scheme.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        guard isName else { return nil }
        self.scheme = ["s3a", "s3n"].contains(scheme) ? "s3" : scheme
        let rest = uri[colon...].dropFirst(3)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        authority = String(rest[..<slash])
        path = rest[slash...].split(separator: "/")
        guard !authority.isEmpty || scheme == "file" && !path.isEmpty else { return nil }
    }

    /// Whether this is the other one, or a directory in it.
    func isInside(_ other: UFSLocation) -> Bool {
        scheme == other.scheme && authority == other.authority && path.starts(with: other.path)
    }
}
