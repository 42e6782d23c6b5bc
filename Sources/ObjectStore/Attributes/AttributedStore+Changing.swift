public import Metadata
public import Pages

/// Mode, owner, times, and extended attributes.
extension AttributedStore {
    /// Changes mode, owner or times; no object is touched.
    ///
    /// In the store at the latest a second later.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - change: What to change.
    ///   - known: What the name is.
    /// - Returns: Its attributes after the change.
    /// - Throws: ``StoreError``.
    public func change(
        _ path: RelativePath,
        _ change: AttributeChange,
        known: Attributes
    ) throws(StoreError) -> Attributes {
        let holder = try holder(of: path, .any)
        var noted = EntryChange()
        if let bits = change.permissions {
            noted.permissions = .set(
                bits & 0o7777 == overlay.permissions(of: known.kind) ? nil : bits & 0o7777
            )
        }
        if let uid = change.uid { noted.uid = .set(uid == options.uid ? nil : uid) }
        if let gid = change.gid { noted.gid = .set(gid == options.gid ? nil : gid) }
        var bound = EntryChange.BoundChange(etag: known.etag)
        if let time = change.accessed { bound.accessed = .set(time) }
        if let time = change.modified { bound.modified = .set(time) }
        bound.changed = .set(change.changed)
        noted.bound = bound
        try note([(holder.path, noted)])
        var result = known
        result.modified = change.modified ?? known.modified
        result.posix = change.applied(to: overlay.native(known))
        return result
    }

    /// The extended attributes of a name.
    /// - Parameters:
    ///   - path: A name, or the root.
    ///   - known: What it is.
    /// - Returns: Names with their namespace, and values, in the order of the names.
    /// - Throws: ``StoreError``.
    public func extendedAttributes(
        of path: RelativePath,
        known: Attributes
    ) throws(StoreError) -> [(name: [UInt8], value: [UInt8])] {
        let entry = try holder(of: path, .trusted).entry
        return (entry?.extended ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (name: $0.key, value: $0.value) }
    }

    /// Sets or removes one extended attribute: `user.`, `trusted.` or `security.`.
    /// - Parameters:
    ///   - name: With its namespace.
    ///   - value: Nil removes it.
    ///   - presence: Whether it must be new or there.
    ///   - path: A name, or the root.
    ///   - known: What it is.
    ///   - time: Its new change time.
    /// - Throws: ``StoreError/exists`` or ``StoreError/notFound`` by `presence`,
    ///   ``StoreError/unsupported(_:)`` for another namespace, ``StoreError/noSpace(_:)`` if all of the
    ///   name's attributes have more than 64 KiB, or another ``StoreError``.
    public func setExtendedAttribute(
        _ name: [UInt8],
        to value: [UInt8]?,
        _ presence: AttributePresence,
        of path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) {
        guard
            Self.keptNamespaces.contains(where: { name.starts(with: $0.utf8) && name.count > $0.utf8.count })
        else {
            let text = String(decoding: name, as: UTF8.self)
            throw .unsupported("\(text): only attributes of user., trusted. and security. are kept")
        }
        let holder = try holder(of: path, .any)
        var kept = holder.entry?.extended ?? [:]
        if presence == .absent, kept[name] != nil { throw .exists }
        if presence == .present || value == nil, kept[name] == nil { throw .notFound }
        kept[name] = value
        let bytes = kept.reduce(0) { $0 + $1.key.count + $1.value.count }
        guard bytes <= options.extendedBytesMaximum || value == nil else {
            throw .noSpace(
                "\(uri(of: path)): extended attributes of \(bytes) bytes; "
                    + "a name may have \(options.extendedBytesMaximum)"
            )
        }
        var change = EntryChange()
        change.extended[name] = .some(value)
        change.bound = EntryChange.BoundChange(etag: known.etag, changed: .set(time))
        try note([(holder.path, change)])
    }

    private static var keptNamespaces: [String] { ["user.", "trusted.", "security."] }
}
