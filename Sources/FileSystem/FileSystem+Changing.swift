import Glibc
import Metadata
import Pages
import Threading

/// Changing attributes, and keeping up with what this mount's own changes did to versions.
extension FileSystem {
    /// Changes length, mode, owner or times.
    /// - Parameters:
    ///   - node: The node.
    ///   - change: What to change.
    ///   - handle: A handle through which the length is changed, if there is one.
    ///   - patience: Whether to wait.
    /// - Returns: The attributes after the change.
    /// - Throws: ``FileSystemError``.
    public func change(
        _ node: NodeID,
        _ change: NodeChange,
        handle: HandleID?,
        _ patience: Patience
    ) throws(FileSystemError) -> NodeAttributes {
        guard patience == .waiting else { throw .wouldWait }
        let (before, pathBefore) = try inodes.find(node)
        let home = try changeable(before.node, at: pathBefore, .waiting)
        if let size = change.size { try resize(node, to: size, handle) }
        if change.hasAttributes {
            let attributes = change.attributes(at: unixTime())
            // A commit under way carries the attributes of its beginning.
            let held = try hold(try inodes.find(node).snapshot.node)
            defer { held?.release() }
            let (snapshot, path) = try inodes.find(node)
            if snapshot.flags.contains(.unlinked) || held?.isPending == true {
                changeLocally(snapshot, attributes)
            } else {
                try self.change(snapshot.node, path, attributes, home)
            }
            if change.modified != nil || change.accessed != nil, let held, held.isDirty {
                handles.file(of: node)?.setTimes(attributes)
                noteTimes(attributes, of: held)
            }
        }
        return describe(try inodes.find(node).snapshot, validFor: ownTrust)
    }

    /// Changes what the store keeps of a name.
    func change(
        _ node: Node,
        _ path: RelativePath,
        _ change: AttributeChange,
        _ home: any WritableStore
    ) throws(FileSystemError) {
        let known = knownAttributes(of: try inodes.find(node.id).snapshot)
        let result = try ask { () throws(StoreError) in
            try home.change(path, change, known: known)
        }
        settle(node, path, result, in: home)
        followOwn(node, path, result, modified: change.modified)
    }

    /// Changes attributes of a file that the store does not have.
    private func changeLocally(_ snapshot: InodeTable.Snapshot, _ change: AttributeChange) {
        inodes.changed(
            snapshot.node,
            size: snapshot.size,
            native: change.applied(to: native(of: snapshot)),
            modified: change.modified ?? snapshot.modified
        )
    }

    private func resize(_ node: NodeID, to size: Int64, _ handle: HandleID?) throws(FileSystemError) {
        if let handle, let file = handles.file(handle) { return try resize(file, to: size, .waiting) }
        if let file = handles.file(of: node) { return try resize(file, to: size, .waiting) }
        let opened = try open(node, flags: O_WRONLY, .waiting)
        defer { try? release(opened.handle, .waiting) }
        guard let file = handles.file(opened.handle) else { throw .badHandle }
        try resize(file, to: size, .waiting)
        try commit(file, .waiting)
    }

    /// A node has become what `attributes` say by this mount's own doing: its version, if it is another one,
    /// has the same bytes as before.
    func followOwn(
        _ node: Node,
        _ path: RelativePath,
        _ attributes: Attributes,
        modified: Int64? = nil
    ) {
        let wasChanging = (try? inodes.find(node.id).snapshot.flags.contains(.changing)) ?? false
        let before = file(of: node)?.version.version ?? version(of: node, path: path)
        _ = inodes.set(node, to: attributes, modified: modified)
        guard attributes.kind == .file, let etag = attributes.etag else { return }
        let size = wasChanging ? before.size : attributes.size
        let address = file(of: node).map { uri(of: $0, path) } ?? namespace.uri(of: path)
        let after = FileVersion(uri: address, etag: etag, size: size)
        guard after != before else { return }
        pages.follow(from: before, to: after)
        guard let file = file(of: node) else { return }
        let base = OpenVersion(file: pages.open(after), readAhead: readAhead)
        file.replace(base)
        guard let writer = file.writer else { return }
        writer.follow(after, base: base)
        noteBase(of: writer, path)
    }

    /// The log of staged files says what times a promised file has, which its commit would change.
    private func noteTimes(_ change: AttributeChange, of writer: Writer) {
        guard writing?.durability == .stage || writing?.writeType == .asyncThrough else { return }
        let times = StagingEvent.Times(accessed: change.accessed, modified: change.modified)
        try? writer.staged.timed(times)
    }

    /// The log of staged files says what each will go to, and what the next daemon has to find there.
    ///
    /// A log that cannot be written costs that daemon a promise: it keeps the file aside, and reports it.
    func noteBase(of writer: Writer, _ path: RelativePath) {
        try? writer.staged.began(path, base: writer.expected(at: namespace.uri(of: path)))
    }

    /// The store has a file as it is now: under all of its names.
    func settle(
        _ node: Node,
        _ path: RelativePath,
        _ attributes: Attributes,
        in store: any WritableStore
    ) {
        settle(path, attributes, in: store)
        inodes.noteChangedLink(attributes)
        for other in inodes.paths(of: node) where other != path { settle(other, attributes, in: store) }
    }

    private func file(of node: Node) -> OpenFile? { handles.file(of: node.id) }

    /// What the store last said of a node, with what this mount has changed since.
    func knownAttributes(of snapshot: InodeTable.Snapshot) -> Attributes {
        let node = snapshot.node
        let version = handles.file(of: node.id)?.version.version
        return Attributes(
            kind: node.kind,
            size: version?.size ?? snapshot.size,
            modified: snapshot.modified,
            etag: version?.etag ?? inodes.version(of: node).etag,
            posix: native(of: snapshot)
        )
    }

    /// Notes that this mount changed a directory's entries, or (`contentsToo` false) a node's name.
    func touch(_ node: Node, contentsToo: Bool = true) {
        guard let (snapshot, path) = try? inodes.find(node.id) else { return }
        let now = unixTime()
        var native = native(of: snapshot)
        // A store that counts the links of directories has another count now.
        let home = try? writing?.store.home(of: path, mayWait: false)
        if home?.makesFilesAtOnce == true, node.kind == .directory, !path.isRoot,
            let stored = try? namespace.revalidate(path, known: .directory).posix
        {
            native = stored
        }
        native.changed = now
        inodes.touch(node, native: native, at: contentsToo ? now : snapshot.modified)
    }

    /// For how long the kernel may believe what this mount has just done itself.
    var ownTrust: Duration { min(options.syncInterval ?? .seconds(1), .seconds(1)) }
}
