import Glibc
import Metadata
import Pages
import Threading

/// New names.
extension FileSystem {
    /// Makes and opens a regular file; opens one that is there unless `O_EXCL` is asked for.
    ///
    /// Counts one kernel reference to the node.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - new: Mode and caller.
    ///   - flags: Those of open(2).
    ///   - patience: Whether to wait.
    /// - Returns: The node and its handle.
    /// - Throws: ``FileSystemError/exists``, or another ``FileSystemError``.
    public func create(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) {
        let parts = try writable()
        let (directory, path) = try newName(name, in: parent)
        if let known = try find(path, patience) {
            guard flags & O_EXCL == 0 else { throw .exists }
            let snapshot = try inodes.resolve(name, in: directory, as: known.attributes, validated: nil)
            do throws(FileSystemError) {
                let opened = try open(snapshot.node.id, flags: flags, patience)
                return (describe(snapshot, validFor: known.validFor), opened)
            } catch {
                inodes.forget(snapshot.node.id, count: 1)
                throw error
            }
        }
        let home = try changeable(path, patience)
        let entry = entry(new, in: directory, type: UInt32(S_IFREG))
        let snapshot: InodeTable.Snapshot
        var writer: Writer?
        if home.makesFilesAtOnce {
            guard patience == .waiting else { throw .wouldWait }
            snapshot = try make(path, name, in: directory, entry, home)
        } else {
            try ask { () throws(StoreError) in try home.permit(path) }
            writer = Writer(
                staged: try parts.staging.makeFile(for: path, in: home.address, base: nil),
                base: nil,
                version: nil,
                condition: .absent
            )
            let attributes = pendingAttributes(entry)
            snapshot = try inodes.create(name, in: directory, as: attributes, isPending: true)
            namespace.pend(path, attributes)
            touch(directory)
        }
        return (describe(snapshot, validFor: ownTrust), try openNew(snapshot.node, path, writer, home))
    }

    /// Makes and opens a file without a name (`O_TMPFILE`): staged here, in the store only if
    /// ``link(_:to:in:_:)`` names it.
    ///
    /// Counts one kernel reference to the node.
    /// - Parameters:
    ///   - parent: The directory whose file system it is in.
    ///   - new: Mode and caller.
    ///   - flags: Those of open(2).
    ///   - patience: Whether to wait for the store of a mount table that nobody has used yet.
    /// - Returns: The node and its handle.
    /// - Throws: ``FileSystemError``.
    public func createUnnamed(
        in parent: NodeID,
        _ new: NewNode,
        flags: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> (node: NodeAttributes, file: OpenedFile) {
        let parts = try writable()
        let (directory, path) = try inodes.child(Self.unnamed, of: parent)
        let home = try changeable(path, patience)
        let attributes = pendingAttributes(entry(new, in: directory, type: UInt32(S_IFREG)))
        let staged = try parts.staging.makeFile(for: path, in: home.address, base: nil)
        let writer = Writer(staged: staged, base: nil, version: nil, condition: .absent)
        writer.orphan()
        let snapshot = try inodes.createUnnamed(in: directory, as: attributes)
        return (describe(snapshot, validFor: ownTrust), try openNew(snapshot.node, path, writer, home))
    }

    /// The name of what has none.
    private static var unnamed: UnsafeRawBufferPointer {
        let text: StaticString = "/"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Makes a directory, a symbolic link, a special file or an empty regular file.
    ///
    /// Counts one kernel reference to the node.
    /// - Parameters:
    ///   - name: One component.
    ///   - parent: The directory.
    ///   - new: What to make; its mode has the type.
    ///   - patience: Whether to wait.
    /// - Returns: The node.
    /// - Throws: ``FileSystemError/exists``, or another ``FileSystemError``.
    public func make(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ new: NewNode,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        _ = try writable()
        guard patience == .waiting else { throw .wouldWait }
        let type = new.mode & UInt32(S_IFMT)
        if type == UInt32(S_IFREG) || type == 0 {
            let made = try create(name, in: parent, new, flags: O_EXCL, .waiting)
            defer { try? release(made.file.handle, .waiting) }
            try flush(made.file.handle, .waiting)
            return made.node
        }
        let (directory, path) = try newName(name, in: parent)
        guard try find(path, .waiting) == nil else { throw .exists }
        let home = try changeable(path, .waiting)
        let entry = entry(new, in: directory, type: type)
        return describe(try make(path, name, in: directory, entry, home), validFor: ownTrust)
    }

    /// Gives a file one more name; counts one kernel reference to the node.
    /// - Parameters:
    ///   - node: The file.
    ///   - name: One component.
    ///   - parent: The directory of the new name.
    ///   - patience: Whether to wait.
    /// - Returns: The node.
    /// - Throws: ``FileSystemError/exists``, or another ``FileSystemError``.
    public func link(
        _ node: NodeID,
        to name: UnsafeRawBufferPointer,
        in parent: NodeID,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        _ = try writable()
        guard patience == .waiting else { throw .wouldWait }
        let (directory, path) = try newName(name, in: parent)
        guard try find(path, .waiting) == nil else { throw .exists }
        let (snapshot, existing) = try inodes.find(node)
        guard snapshot.node.kind != .directory else { throw .notPermitted }
        let home = try self.home(of: snapshot.node, linkedTo: path, existing)
        if snapshot.flags.contains(.unlinked) {
            return try nameUnnamed(snapshot.node, name, in: directory, path)
        }
        // A link is a name of what the store has.
        if let file = handles.file(of: node), file.writer?.isPending == true { try commit(file, .waiting) }
        let held = try hold(snapshot.node)
        defer { held?.release() }
        let known = knownAttributes(of: try inodes.find(node).snapshot)
        let result = try ask { () throws(StoreError) in
            try home.link(existing, to: path, known: known, time: unixTime())
        }
        settle(snapshot.node, existing, result, in: home)
        settle(path, result, in: home)
        followOwn(snapshot.node, existing, result)
        touch(directory)
        return describe(inodes.link(snapshot.node, to: name, in: directory, as: result), validFor: ownTrust)
    }

    // MARK: Parts of them

    /// The store of a file that gets one more name, which must be in the same one.
    private func home(
        of node: Node,
        linkedTo path: RelativePath,
        _ existing: RelativePath
    ) throws(FileSystemError) -> any WritableStore {
        let home: any WritableStore
        if let opened = handles.file(of: node.id)?.home {
            home = opened
        } else {
            home = try self.home(of: existing, .waiting)
        }
        guard home.holds(path) else { throw .crossDevice }
        try Self.requireChangeable(home)
        return home
    }

    /// Gives a file of `O_TMPFILE` its first name, and stores it.
    private func nameUnnamed(
        _ node: Node,
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        _ path: RelativePath
    ) throws(FileSystemError) -> NodeAttributes {
        guard let file = handles.file(of: node.id), let writer = file.writer, writer.adopt() else {
            throw .notFound
        }
        inodes.name(node, name, in: directory)
        namespace.pend(path, knownAttributes(of: try inodes.find(node.id).snapshot))
        do throws(FileSystemError) {
            try commit(file, .waiting)
        } catch {
            namespace.drop(path)
            throw error
        }
        touch(directory)
        return describe(try inodes.find(node.id).snapshot, validFor: ownTrust)
    }

    /// A directory, and the path of a name that may be made in it.
    func newName(
        _ name: UnsafeRawBufferPointer,
        in parent: NodeID
    ) throws(FileSystemError) -> (directory: Node, path: RelativePath) {
        guard name.count <= Int(options.statistics.nameMaximum) else { throw .nameTooLong }
        guard !name.isEmpty, name.firstIndex(of: UInt8(ascii: "/")) == nil else { throw .invalid }
        if options.specialCommands, Command(name: name, inRoot: parent == inodes.root.id) != nil {
            throw .notPermitted
        }
        let (directory, path) = try inodes.child(name, of: parent)
        // Nothing can be made in a directory that was removed while somebody stands in it.
        if try inodes.find(parent).snapshot.flags.contains(.unlinked) { throw .notFound }
        return (directory, path)
    }

    /// What a name stands for; nil if it is free.
    func find(_ path: RelativePath, _ patience: Patience) throws(FileSystemError) -> TrustedAttributes? {
        do {
            return try namespace.attributes(of: path, mayWait: patience == .waiting)
        } catch .notFound {
            return nil
        } catch {
            throw FileSystemError(error)
        }
    }

    /// Has the store make something, and takes note of it.
    private func make(
        _ path: RelativePath,
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        _ entry: NewEntry,
        _ home: any WritableStore
    ) throws(FileSystemError) -> InodeTable.Snapshot {
        let attributes = try ask { () throws(StoreError) in try home.make(path, entry) }
        if attributes.kind == .directory {
            namespace.made(directory: path, attributes)
        } else {
            settle(path, attributes, in: home)
        }
        let snapshot = try inodes.create(name, in: directory, as: attributes, isPending: false)
        touch(directory)
        return snapshot
    }

    /// Owner and mode of something new; set-group-ID directories hand on their group.
    private func entry(_ new: NewNode, in directory: Node, type: UInt32) -> NewEntry {
        var mode = type | new.mode & 0o7777
        var gid = new.caller.gid
        if let parent = try? inodes.find(directory.id).snapshot {
            let native = native(of: parent)
            if native.mode & UInt32(S_ISGID) != 0 {
                gid = native.gid
                if type == UInt32(S_IFDIR) { mode |= UInt32(S_ISGID) }
            }
        }
        return NewEntry(
            mode: mode,
            uid: new.caller.uid,
            gid: gid,
            device: new.device,
            target: new.target,
            time: unixTime()
        )
    }

    /// What a file looks like before the store has it.
    private func pendingAttributes(_ entry: NewEntry) -> Attributes {
        let native = POSIXAttributes(
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            linkCount: 1,
            inode: 0,
            device: 0,
            accessed: entry.time,
            changed: entry.time
        )
        return Attributes(kind: .file, size: 0, modified: entry.time, etag: nil, posix: native)
    }

    /// Opens what was just made.
    private func openNew(
        _ node: Node,
        _ path: RelativePath,
        _ writer: Writer?,
        _ home: any WritableStore
    ) throws(FileSystemError) -> OpenedFile {
        do throws(FileSystemError) {
            try inodes.open(node)
        } catch {
            inodes.forget(node.id, count: 1)
            throw error
        }
        do throws(FileSystemError) {
            let handle = try handles.openFile(node.id) {
                OpenFile(node: node, version: openVersion(of: node, path), writer: writer, home: home)
            }
            return OpenedFile(handle: handle, keepsKernelPages: true)
        } catch {
            inodes.close(node)
            inodes.forget(node.id, count: 1)
            throw error
        }
    }

    /// The pages of the version that a node is.
    func openVersion(of node: Node, _ path: RelativePath) -> OpenVersion {
        OpenVersion(file: pages.open(version(of: node, path: path)), readAhead: readAhead)
    }
}
