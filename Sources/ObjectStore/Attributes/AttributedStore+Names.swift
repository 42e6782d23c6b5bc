public import Metadata
public import Pages
import Synchronization

/// Names: what they stand for, and which object holds them.
extension AttributedStore {
    /// How many links to links are followed; there is one, unless somebody else has moved a name meanwhile.
    private static var hopsMaximum: Int { 8 }

    /// The address of a path: that of the object which it is another name of, if that is known.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The full address.
    public func uri(of path: RelativePath) -> UFSURI {
        next.uri(of: hasLinks.load(ordering: .relaxed) ? knownHolder(of: path) : path)
    }

    /// What one name stands for.
    /// - Parameters:
    ///   - path: A path inside the mount, or the root.
    ///   - known: What the name was last known to be.
    /// - Returns: Its attributes.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    public func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        guard !AttributeNames.isHidden(path.name), !state.withLock({ $0.removals.hides(path) }) else {
            throw .notFound
        }
        let entry = try entry(of: path, .trusted)
        if entry?.link != nil {
            let holder = try holder(of: path, .trusted)
            guard holder.path != path else { throw .notFound }
            let found = try next.attributes(of: holder.path, known: .file)
            return overlay.shown(found, holder.entry)
        }
        let hint = known == .directory ? .directory : known.map { _ in EntryKind.file }
        return overlay.shown(try next.attributes(of: path, known: hint), entry)
    }

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: ``StoreError/unsupported(_:)`` if the path is none, or another ``StoreError``.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        let holder = try holder(of: path, .any)
        guard let target = holder.entry?.bound.target, !target.isEmpty else {
            throw .unsupported("\(uri(of: path)) is not a symbolic link")
        }
        return target
    }

    /// The path whose object a name stands for, and what is said there.
    /// - Returns: The path itself unless it is another name.
    func holder(of path: RelativePath, _ knowledge: Knowledge) throws(StoreError)
        -> (path: RelativePath, entry: AttributeEntry?)
    {
        var current = path
        for _ in 0..<Self.hopsMaximum {
            let entry = try entry(of: current, knowledge)
            guard let link = entry?.link else { return (current, entry) }
            current = link
        }
        throw .corrupt("\(next.uri(of: path)): its links lead nowhere; see 'alluxio fs check'")
    }

    /// The same as far as it is known; asks nothing.
    func knownHolder(of path: RelativePath) -> RelativePath {
        var current = path
        for _ in 0..<Self.hopsMaximum {
            guard let link = knownEntry(of: current)?.link else { return current }
            current = link
        }
        return path
    }

    /// Refuses a name that a file cannot have: too long for a key, or reserved.
    /// - Parameter path: A new name.
    /// - Throws: ``StoreError/nameTooLong(_:)`` or ``StoreError/denied(_:)``.
    public func permit(_ path: RelativePath) throws(StoreError) { try requireName(path, isDirectory: false) }

    /// Refuses a new name that cannot be.
    func requireName(_ path: RelativePath, isDirectory: Bool) throws(StoreError) {
        guard path.name.count <= AttributeNames.nameMaximumBytes else {
            throw .nameTooLong("a name has at most \(AttributeNames.nameMaximumBytes) bytes")
        }
        guard !AttributeNames.isHidden(path.name) else {
            throw .denied("\(next.uri(of: path)): names that begin with '.alluxio.attributes' are reserved")
        }
        try requireKey(isDirectory ? path.marker : path)
    }

    /// Refuses a key that is too long.
    func requireKey(_ path: RelativePath) throws(StoreError) {
        let count = keyPrefixBytes + path.bytes.count
        guard count > AttributeNames.keyMaximumBytes else { return }
        throw .nameTooLong(
            "\(next.uri(of: path)): the key would have \(count) bytes, "
                + "S3 allows \(AttributeNames.keyMaximumBytes)"
        )
    }

    /// How many bytes the key of a path has before the path.
    private var keyPrefixBytes: Int {
        let slash = UInt8(ascii: "/")
        // scheme://bucket/prefix
        let parts = objects.uri(of: .root).bytes.split(separator: slash, maxSplits: 2)
        return parts.count > 2 ? parts[2].count + 1 : 0
    }
}
