import Glibc
public import Metadata
import Pages

/// Names that become others.
extension FileSystem {
    /// One side of a rename.
    private struct Side {
        let name: UnsafeRawBufferPointer
        let directory: Node
        let path: RelativePath
        var attributes: Attributes?
        var node: Node?
    }

    /// Gives a file or directory another name.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: Its directory.
    ///   - newName: The new name.
    ///   - newParent: The directory of the new name.
    ///   - mode: What becomes of a target that exists.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError``, as rename(2) has it.
    public func rename(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        to newName: UnsafeRawBufferPointer,
        in newParent: NodeID,
        _ mode: RenameMode,
        _ patience: Patience
    ) throws(FileSystemError) {
        _ = try writable()
        guard patience == .waiting else { throw .wouldWait }
        var source = try side(name, in: parent)
        var target = try side(newName, in: newParent, isNew: true)
        guard let known = source.attributes else { throw .notFound }
        guard source.path != target.path else { return }
        let home = try commonHome(source, target)
        try commitCopies(ofAnyAtOrBelow: [source.path, target.path])
        try check(known, target, mode)
        if mode == .replace, isSameFile(source, target) { return }
        let isWhole = known.kind == .directory || target.attributes?.kind == .directory || mode == .exchange
        // Of a file with other names only this name goes, which a later commit could not tell.
        if isWhole || (target.attributes?.posix?.linkCount ?? 1) > 1 {
            try commitAll(atOrBelow: [source.path, target.path])
            source.attributes = try find(source.path, .waiting)?.attributes
            target.attributes = try find(target.path, .waiting)?.attributes
        }
        let held = try source.node.flatMap { node throws(FileSystemError) in try hold(node) }
        defer { held?.release() }
        if mode == .exchange { return try exchange(source, target, home) }
        try replace(source, target, mode, held, home)
    }

    // MARK: Parts of it

    private func side(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        isNew: Bool = false
    ) throws(FileSystemError) -> Side {
        let (directory, path) = isNew ? try newName(name, in: parent) : try inodes.child(name, of: parent)
        return Side(
            name: name,
            directory: directory,
            path: path,
            attributes: try find(path, .waiting)?.attributes,
            node: inodes.known(name, in: directory)?.node
        )
    }

    /// The store of both sides.
    private func commonHome(_ source: Side, _ target: Side) throws(FileSystemError) -> any WritableStore {
        let home = try self.home(of: source.path, .waiting)
        let other = try self.home(of: target.path, .waiting)
        // What rename(2) says of a mount point; tools that were told "another device" would copy all of it.
        if home.mutability == .fixed || other.mutability == .fixed && target.attributes != nil { throw .busy }
        guard home.holds(target.path) else { throw .crossDevice }
        try Self.requireChangeable(home)
        return home
    }

    private func check(
        _ known: Attributes,
        _ target: Side,
        _ mode: RenameMode
    ) throws(FileSystemError) {
        guard let there = target.attributes else {
            if mode == .exchange { throw .notFound }
            return
        }
        switch mode {
        case .noReplace: throw .exists
        case .exchange: return
        case .replace: break
        }
        switch (known.kind == .directory, there.kind == .directory) {
        case (true, false): throw .notDirectory
        case (false, true): throw .isDirectory
        case (true, true):
            let isEmpty = try ask { () throws(StoreError) in
                try namespace.isEmpty(target.path, mayWait: true)
            }
            guard isEmpty else { throw .notEmpty }
        case (false, false): break
        }
    }

    /// Two names of one file: rename(2) then does nothing.
    private func isSameFile(_ source: Side, _ target: Side) -> Bool {
        if let node = source.node, node === target.node { return true }
        guard let one = source.attributes?.posix, let other = target.attributes?.posix else { return false }
        return one.linkCount > 1 && one.inode != 0 && one.inode == other.inode
    }

    private func replace(
        _ source: Side,
        _ target: Side,
        _ mode: RenameMode,
        _ held: Writer?,
        _ home: any WritableStore
    ) throws(FileSystemError) {
        guard let known = source.attributes else { throw .notFound }
        let replaced = target.node.flatMap { handles.file(of: $0.id)?.writer }
        if let there = target.attributes {
            try replaced?.hold()
            defer { replaced?.release() }
            try keepBytes(of: target.node, there)
        }
        // What a file that the store does not have was renamed over is still in the store.
        let stored = replaced?.isPending == true ? replaced?.replaced : target.attributes
        var result: Attributes?
        if let held, held.isPending {
            try ask { () throws(StoreError) in try home.permit(target.path) }
            if let old = held.replaced { try removeStored(source.path, old, home) }
            held.rename(replacing: stored)
        } else {
            result = try renameStored(source.path, to: target.path, mode, (known, stored), home)
        }
        if let there = target.attributes {
            inodes.noteChangedLink(there, isKnown: false)
            forgetName(target.name, in: target.directory, home)
        }
        inodes.move(source.name, in: source.directory, to: target.name, in: target.directory)
        if let result {
            namespace.move(source.path, to: target.path, result)
            followMoved(source.node, target.path, result, home)
        } else {
            // The name shows the new file; what the store has under it is what will be replaced.
            namespace.move(source.path, to: target.path, stored)
        }
        noteMoved(source.node)
        touchBoth(source, target, moved: source.node)
    }

    /// The log of staged files says where each will go.
    private func noteMoved(_ node: Node?) {
        guard let node else { return }
        for file in handles.files where file.node === node || inodes.isBelow(file.node, node) {
            guard let writer = file.writer else { continue }
            noteBase(of: writer, path(of: file.node))
        }
    }

    /// Renames in the store; what somebody else has changed meanwhile is looked up once more.
    private func renameStored(
        _ path: RelativePath,
        to target: RelativePath,
        _ mode: RenameMode,
        _ known: (path: Attributes, target: Attributes?),
        _ home: any WritableStore
    ) throws(FileSystemError) -> Attributes {
        let siblings = namespace.siblings(of: path)
        do throws(StoreError) {
            return try home.rename(path, to: target, mode, known: known, siblings: siblings)
        } catch {
            // Somebody else has changed them, or nobody knows how far it has come.
            namespace.invalidate(path)
            namespace.invalidate(target)
            guard error == .stale else { throw FileSystemError(error) }
        }
        guard let now = try find(path, .waiting)?.attributes else { throw .notFound }
        let there = known.target == nil ? nil : try find(target, .waiting)?.attributes
        guard now.kind == known.path.kind else { throw .stale }
        return try ask { () throws(StoreError) in
            try home.rename(path, to: target, mode, known: (now, there), siblings: siblings)
        }
    }

    private func exchange(
        _ source: Side,
        _ target: Side,
        _ home: any WritableStore
    ) throws(FileSystemError) {
        guard let known = source.attributes, let there = target.attributes else { throw .notFound }
        let other = try target.node.flatMap { node throws(FileSystemError) in try hold(node) }
        defer { other?.release() }
        let result: Attributes
        do throws(StoreError) {
            result = try home.rename(
                source.path,
                to: target.path,
                .exchange,
                known: (known, there),
                siblings: .some
            )
        } catch {
            namespace.invalidate(source.path)
            namespace.invalidate(target.path)
            throw FileSystemError(error)
        }
        namespace.exchange(source.path, target.path, (path: nil, target: result))
        inodes.exchange(source.name, in: source.directory, with: target.name, in: target.directory)
        followMoved(source.node, target.path, result, home)
        do throws(StoreError) {
            let back = try namespace.revalidate(source.path, known: there.kind)
            followMoved(target.node, source.path, back, home)
        } catch {
            // What it is now will be asked when somebody wants to know.
            namespace.invalidate(source.path)
        }
        touchBoth(source, target, moved: source.node)
        if let node = target.node { touch(node, contentsToo: false) }
    }

    /// Stores everything that is being changed at or below paths.
    private func commitAll(atOrBelow paths: [RelativePath]) throws(FileSystemError) {
        for file in handles.files where file.writer?.isDirty == true {
            guard let path = try? inodes.find(file.node.id).path else { continue }
            guard paths.contains(where: { path.isAtOrBelow($0) }) else { continue }
            try commit(file, .waiting)
        }
    }

    /// Stores whole copies of files that are about to change or to go: until then the store has to make them.
    func commitCopies(ofAnyAtOrBelow paths: [RelativePath]) throws(FileSystemError) {
        guard writing?.store.makesFilesAtOnce == false else { return }
        let slash = UInt8(ascii: "/")
        for file in handles.files {
            guard let source = file.writer?.copiedFrom?.bytes else { continue }
            let goes = paths.contains { path in
                let address = namespace.uri(of: path).bytes
                return source == address || source.starts(with: address + [slash])
            }
            if goes { try commit(file, .waiting) }
        }
    }

    /// What was moved is the same version under another address.
    private func followMoved(
        _ node: Node?,
        _ path: RelativePath,
        _ attributes: Attributes,
        _ home: any WritableStore
    ) {
        guard let node else { return }
        followOwn(node, path, attributes)
        guard node.kind == .directory else { return settle(node, path, attributes, in: home) }
        // The store gave what is below new versions, too; only open files need to know now.
        for file in handles.files where inodes.isBelow(file.node, node) {
            guard let (snapshot, path) = try? inodes.find(file.node.id),
                !snapshot.flags.contains(.unlinked),
                let found = try? namespace.revalidate(path, known: .file)
            else { continue }
            followOwn(file.node, path, found)
        }
    }

    private func touchBoth(_ source: Side, _ target: Side, moved: Node?) {
        touch(source.directory)
        if target.directory !== source.directory { touch(target.directory) }
        if let moved { touch(moved, contentsToo: false) }
    }
}
