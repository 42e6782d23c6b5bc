import CoreMetrics
import Glibc
import Metadata
import Pages
import Threading

/// Names that go.
extension FileSystem {
    /// Removes a name that is no directory; what is open stays readable and writable.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/isDirectory``, or another ``FileSystemError``.
    public func unlink(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        _ = try writable()
        guard patience == .waiting else { throw .wouldWait }
        let (directory, path) = try inodes.child(name, of: parent)
        guard let known = try find(path, .waiting)?.attributes else { throw .notFound }
        guard known.kind != .directory else { throw .isDirectory }
        let home = try changeable(path, .waiting)
        try commitCopies(ofAnyAtOrBelow: [path])
        let node = inodes.known(name, in: directory)?.node
        let held = try node.flatMap { node throws(FileSystemError) in try hold(node) }
        defer { held?.release() }
        try keepBytes(of: node, known)
        let stored = held?.isPending == true ? held?.replaced : known
        if let stored { try removeStored(path, stored, home) }
        namespace.drop(path)
        if stored != nil { namespace.remove(path) }
        inodes.noteChangedLink(known, isKnown: false)
        forgetName(name, in: directory, home)
        touch(directory)
    }

    /// Removes a name in the store; what somebody else has changed meanwhile is looked up once more.
    func removeStored(
        _ path: RelativePath,
        _ known: Attributes,
        _ home: any WritableStore
    ) throws(FileSystemError) {
        do throws(StoreError) {
            do throws(StoreError) {
                try home.remove(path, known: known, siblings: namespace.siblings(of: path))
            } catch .stale {
                let now = try namespace.revalidate(path, known: known.kind)
                guard now.kind != .directory else { throw .isDirectory }
                try home.remove(path, known: now, siblings: namespace.siblings(of: path))
            }
        } catch {
            if error == .notFound { namespace.invalidate(path) }
            throw FileSystemError(error)
        }
    }

    /// Removes an empty directory.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: Its directory.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/notEmpty``, ``FileSystemError/notDirectory``, or another
    ///   ``FileSystemError``.
    public func removeDirectory(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) {
        _ = try writable()
        guard patience == .waiting else { throw .wouldWait }
        let (directory, path) = try inodes.child(name, of: parent)
        guard let known = try find(path, .waiting)?.attributes else { throw .notFound }
        guard known.kind == .directory else { throw .notDirectory }
        let home = try changeable(path, .waiting, orElse: .busy)
        try ask { () throws(StoreError) in
            // Names that the store does not have yet are entries, too.
            guard try namespace.isEmpty(path, mayWait: true) else { throw .notEmpty }
            try home.removeDirectory(path, siblings: namespace.siblings(of: path))
        }
        namespace.remove(path)
        forgetName(name, in: directory, home)
        touch(directory)
    }

    /// Takes note that a name is gone; the other names of the same file lead on.
    func forgetName(_ name: UnsafeRawBufferPointer, in directory: Node, _ home: any WritableStore) {
        let now = unixTime()
        let removal = inodes.unlink(name, in: directory) { snapshot in
            var native = native(of: snapshot)
            native.changed = now
            return native
        }
        guard let removal else { return }
        guard removal.hasOtherName else {
            handles.file(of: removal.node.id)?.writer?.orphan()
            return
        }
        // The object may lie under another name now.
        guard let (snapshot, path) = try? inodes.find(removal.node.id),
            var attributes = try? namespace.revalidate(path, known: .file)
        else { return }
        // What was just removed does not count, whatever was known before of this name.
        if let count = snapshot.native?.linkCount, let stored = attributes.posix?.linkCount {
            attributes.posix?.linkCount = min(count, stored)
        }
        settle(removal.node, path, attributes, in: home)
        followOwn(removal.node, path, attributes)
    }

    /// Before the last name of an open file goes: brings what only the store has into the staging file.
    func keepBytes(of node: Node?, _ known: Attributes) throws(FileSystemError) {
        guard let node, known.kind == .file, let file = handles.file(of: node.id),
            (known.posix?.linkCount ?? 1) < 2
        else { return }
        let (writer, isNew) = try file.writer { version throws(FileSystemError) in
            try makeWriter(of: file, version, keepsBase: true)
        }
        if isNew { try writer.hold() }
        defer { if isNew { writer.release() } }
        do throws(FileSystemError) {
            try writer.bringBase()
        } catch {
            // Too large for the staging directory, or gone already: its readers will see ESTALE.
            metrics.unkeptFiles.increment()
        }
    }

    /// Keeps the commits of a node's open file out while its name changes.
    func hold(_ node: Node) throws(FileSystemError) -> Writer? {
        guard let writer = handles.file(of: node.id)?.writer else { return nil }
        try writer.hold()
        return writer
    }
}
