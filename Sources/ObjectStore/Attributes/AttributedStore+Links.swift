public import Metadata
public import Pages
import Synchronization

/// Several names of one object: one holds it, the entries of the others say where it is.
extension AttributedStore {
    /// Makes one more name of a file; costs no request for the object.
    /// - Parameters:
    ///   - existing: A name of it; no directory.
    ///   - path: The new name.
    ///   - known: What `existing` is.
    ///   - time: Its new change time.
    /// - Returns: Its attributes: one name more.
    /// - Throws: ``StoreError/exists``, ``StoreError/isDirectory``, or another ``StoreError``.
    public func link(
        _ existing: RelativePath,
        to path: RelativePath,
        known: Attributes,
        time: Int64
    ) throws(StoreError) -> Attributes {
        guard known.kind != .directory else { throw .isDirectory }
        try requireName(path, isDirectory: false)
        try settle(path)
        let holder = try holder(of: existing, .any)
        guard holder.path != path, try entry(of: path, .any)?.link == nil else { throw .exists }
        var change = EntryChange()
        change.names[path] = true
        // 0 is no inode number, and the low ones are taken by the mount itself.
        let inode = holder.entry?.inode ?? UInt64.random(in: 1 << 32 ... .max)
        change.inode = .set(inode)
        change.bound = EntryChange.BoundChange(etag: known.etag, changed: .set(time))
        var entry = AttributeEntry()
        entry.link = holder.path
        try note([(holder.path, change), (path, .replaced(by: entry))])
        state.withLock { $0.listed.added(path) }
        var result = known
        var posix = overlay.native(known)
        posix.linkCount = change.applied(to: holder.entry)?.linkCount ?? 2
        posix.inode = inode
        posix.changed = time
        result.posix = posix
        return result
    }

    /// What must be noted when a name goes that holds no object.
    func unlinked(_ path: RelativePath, from holder: RelativePath) -> [PathChange] {
        var change = EntryChange()
        change.names[path] = false
        return [(path, .removed), (holder, change)]
    }

    /// Gives an object another of its names, by a copy inside of the store.
    ///
    /// Until the changes are noted the old name holds the object; from then on the new one does, and the old
    /// object is a leftover that the caller deletes.
    /// - Parameters:
    ///   - path: The name that holds it and will go.
    ///   - entry: What is said there; has other names.
    ///   - shown: What the mount shows of it.
    /// - Returns: What must be noted.
    /// - Throws: What the copy throws; then nothing has changed.
    func promoted(
        _ path: RelativePath,
        _ entry: AttributeEntry,
        shown: Attributes
    ) throws(StoreError) -> [PathChange] {
        let heirs = try heirs(of: path, entry)
        guard let heir = heirs.first else { return [(path, .removed)] }
        let object = AttributeOverlay.object(shown)
        let made = try objects.copy(path, known: object, to: heir, if: .always, metadata: nil)
        return inherited(path, entry, heirs, made, shown: shown)
    }

    /// What must be noted when the object has been copied to its next name by an earlier process, and
    /// another one lies in its place.
    func inherited(_ path: RelativePath, _ entry: AttributeEntry) throws(StoreError) -> [PathChange] {
        let heirs = try heirs(of: path, entry)
        guard let heir = heirs.first else { return [(path, .removed)] }
        let made = try objects.attributes(of: heir, known: .file)
        return inherited(path, entry, heirs, made, shown: overlay.shown(made, entry))
    }

    /// The names that an object can get, in their order.
    private func heirs(of path: RelativePath, _ entry: AttributeEntry) throws(StoreError) -> [RelativePath] {
        var heirs: [RelativePath] = []
        for name in entry.names.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) })
        where try self.entry(of: name, .any)?.link == path { heirs.append(name) }
        return heirs
    }

    private func inherited(
        _ path: RelativePath,
        _ entry: AttributeEntry,
        _ heirs: [RelativePath],
        _ made: Attributes,
        shown: Attributes
    ) -> [PathChange] {
        var moved = rebound(entry, to: made, shown: shown)
        moved.names = Set(heirs.dropFirst())
        return [(path, .removed), (heirs[0], .replaced(by: moved))] + relinked(moved.names, to: heirs[0])
    }

    /// What must be noted of the other names of an object that has moved.
    func relinked(_ names: Set<RelativePath>, to holder: RelativePath) -> [PathChange] {
        names.map { name in
            var change = EntryChange()
            change.link = .set(holder)
            return (name, change)
        }
    }

    /// What is said of an object after a copy: its times stay, and belong to the new version.
    func rebound(_ entry: AttributeEntry?, to made: Attributes, shown: Attributes) -> AttributeEntry {
        var result = entry ?? AttributeEntry()
        if result.bound.etag != shown.etag { result.bound = BoundAttributes() }
        // The store's time of the copy is that of the copy.
        if result.bound.modified == nil, shown.modified != made.modified {
            result.bound.modified = shown.modified
        }
        if result.bound.isEmpty { result.bound = BoundAttributes() } else { result.bound.etag = made.etag }
        return result
    }
}
