public import Metadata
public import Pages
import Synchronization
import Threading

/// Moving names.
extension AttributedStore {
    /// Moves a name, and everything below it.
    ///
    /// After ``StoreError/unavailable(_:)`` it may be half done; it is finished before one of the names is
    /// changed the next time, by ``housekeep()``, or by the next mount.
    ///
    /// A file is copied inside of the store under the condition that it is still `known`, then deleted. A
    /// directory is moved file by file, under an intent that the next mount finishes.
    /// - Parameters:
    ///   - path: The name.
    ///   - target: Its new name.
    ///   - mode: What becomes of a target that exists.
    ///   - known: What `path` is, and what `target` is: nil if it is absent.
    ///   - siblings: Whether the directory of `path` has other entries.
    /// - Returns: What `target` is now.
    /// - Throws: ``StoreError/exists``, ``StoreError/notEmpty``, ``StoreError/stale``, or another
    ///   ``StoreError``.
    public func rename(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings
    ) throws(StoreError) -> Attributes {
        guard path != target else { return known.path }
        let isDirectory = known.path.kind == .directory
        try requireName(target, isDirectory: isDirectory)
        guard !target.lies(below: path) else { throw .unsupported("'\(path)' cannot be moved into itself") }
        try settle(path)
        try settle(target)
        if mode == .exchange { return try exchange(path, target, known: known) }
        if mode == .noReplace, known.target != nil { throw .exists }
        guard isDirectory else {
            if known.target?.kind == .directory { throw .isDirectory }
            let intent = Intent(source: path, target: target, phase: .movingFile, begun: unixTime())
            return try under(intent) { intent throws(StoreError) in
                try moveFile(path, to: target, mode, known: known, siblings: siblings, intent)
            }
        }
        if let old = known.target {
            guard old.kind == .directory else { throw .notDirectory }
            try requireEmpty(target)
        } else if mode == .noReplace, try objects.hasKeys(below: target, except: []) {
            throw .exists
        }
        return try moveDirectory(path, to: target, known: known.path, siblings: siblings)
    }

    func moveFile(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        known: (path: Attributes, target: Attributes?),
        siblings: Siblings,
        _ intent: Intent? = nil
    ) throws(StoreError) -> Attributes {
        let source = try holder(of: path, .any)
        // Two names of one file: nothing is to be done, says POSIX.
        if known.target != nil, source.path == (try holder(of: target, .any).path) { return known.path }
        let displaced = try displace(target, known.target)
        guard source.path == path else {
            return try moveLink(path, of: source.path, to: target, known, displaced, siblings)
        }
        try require(mode, target)
        let condition: ChangeCondition = mode == .noReplace ? .absent : .always
        let object = AttributeOverlay.object(known.path)
        let made = try objects.copy(path, known: object, to: target, if: condition, metadata: nil)
        let moved = rebound(source.entry, to: made, shown: known.path)
        var changes = displaced.filter { $0.path != target }
        if source.entry != nil { changes.append((path, .removed)) }
        if !moved.isEmpty || !displaced.isEmpty || knownEntry(of: target) != nil {
            changes.append((target, .replaced(by: moved)))
        }
        try note(changes + relinked(moved.names, to: target))
        try removeMoved(path, of: object.etag, siblings, intent)
        return overlay.shown(made, moved.isEmpty ? nil : moved)
    }

    /// Deletes the object of a file that has moved; one that cannot be deleted now goes with what is removed.
    private func removeMoved(
        _ path: RelativePath,
        of etag: ETag?,
        _ siblings: Siblings,
        _ intent: Intent?
    ) throws(StoreError) {
        guard let intent else {
            try leave(path, siblings)
            return try objects.delete(path, if: .always)
        }
        let (number, removal) = try becomeRemoval(intent, of: etag)
        do throws(StoreError) {
            try leave(path, siblings)
            try objects.delete(path, if: .always)
        } catch {
            guard error.isUnavailable else { throw error }
            let now = clock()
            return state.withLock { $0.removals.add(path, removal, number: number, at: now) }
        }
        try journal?.append(.withdrawn(path))
    }

    /// Where a copy cannot have a condition, the target is looked for.
    private func require(_ mode: RenameMode, _ target: RelativePath) throws(StoreError) {
        guard mode == .noReplace, !objects.honours(.copy) else { return }
        do throws(StoreError) {
            _ = try objects.attributes(of: target, known: nil)
        } catch .notFound {
            return
        }
        throw .exists
    }

    /// Moves a name that holds no object.
    private func moveLink(
        _ path: RelativePath,
        of holder: RelativePath,
        to target: RelativePath,
        _ known: (path: Attributes, target: Attributes?),
        _ displaced: [PathChange],
        _ siblings: Siblings
    ) throws(StoreError) -> Attributes {
        var entry = AttributeEntry()
        entry.link = holder
        var names = EntryChange()
        names.names = [path: false, target: true]
        let others = displaced.filter { $0.path != target }
        try leave(path, siblings)
        let changes = others + [(path, .removed), (target, .replaced(by: entry)), (holder, names)]
        try enqueue(path, .ofFurtherName, changes)
        // An object that was under the name is hidden by now.
        if known.target != nil { try objects.delete(target, if: .always) }
        return known.path
    }

    /// What must be noted when a name gets another object; its own object may live on under another name.
    private func displace(_ target: RelativePath, _ known: Attributes?) throws(StoreError) -> [PathChange] {
        guard let entry = try entry(of: target, .any) else { return [] }
        if entry.link != nil { return unlinked(target, from: try holder(of: target, .any).path) }
        guard let known, !entry.names.isEmpty else { return [(target, .removed)] }
        return try promoted(target, entry, shown: known)
    }

    /// Keeps the directory of a name that goes.
    func leave(_ path: RelativePath, _ siblings: Siblings) throws(StoreError) {
        state.withLock { $0.listed.removed(path) }
        guard let parent = path.parent, !parent.isRoot, siblings != .some else { return }
        if siblings == .unknown {
            let except = [path] + state.withLock { $0.removals.waiting(below: parent) }
            if try objects.hasKeys(below: parent, except: except) { return }
        }
        try keep(parent)
    }
}
