import Glibc
import Metadata
import Pages

/// Cookies: 0 starts with `.`, 1 with `..`, and `n + 2` with entry `n` of the listing.
private let firstEntryCookie: UInt64 = 2

extension FileSystem {
    /// Opens a directory: takes the namespace's snapshot of it.
    /// - Parameters:
    ///   - node: The directory.
    ///   - patience: Whether to wait.
    /// - Returns: A handle on the snapshot.
    /// - Throws: ``FileSystemError/notDirectory``, or another ``FileSystemError``.
    public func openDirectory(_ node: NodeID, _ patience: Patience) throws(FileSystemError) -> HandleID {
        let (snapshot, path) = try inodes.find(node)
        guard snapshot.node.kind == .directory else { throw .notDirectory }
        let listing = try self.listing(of: path, patience)
        try inodes.open(snapshot.node)
        do throws(FileSystemError) {
            let parent = inodes.place(of: snapshot.node).parent
            return try handles.openDirectory(
                OpenDirectory(node: snapshot.node, parent: parent, listing: listing)
            )
        } catch {
            inodes.close(snapshot.node)
            throw error
        }
    }

    /// Gives the entries from a cookie on, `.` and `..` first, until `body` returns `false` or no more are at
    /// hand.
    ///
    /// Cookie 0, once entries were given out, is rewinddir(3): a snapshot that is no longer trusted is
    /// replaced.
    /// - Parameters:
    ///   - handle: The open directory.
    ///   - cookie: 0, or the `nextCookie` of an entry.
    ///   - patience: Whether to wait for more of the listing when nothing is at hand.
    ///   - withAttributes: Whether a node and its attributes are wanted for each entry (READDIRPLUS); then
    ///     one kernel reference is counted for each entry that `body` took with attributes (never for `.` and
    ///     `..`). Where lookup and snapshot disagree an entry has none, and the kernel looks it up.
    ///   - body: Takes an entry; returns `false` if it did not fit, which ends the call.
    /// - Throws: ``FileSystemError/wouldWait`` if nothing is at hand; another ``FileSystemError`` if the
    ///   store failed.
    public func readDirectory(
        _ handle: HandleID,
        from cookie: UInt64,
        _ patience: Patience,
        withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) throws(FileSystemError) {
        guard let directory = handles.directory(handle), cookie < UInt64(Int64.max) else { throw .invalid }
        if cookie == 0, directory.isStarted {
            let (_, path) = try inodes.find(directory.node.id)
            directory.restart(with: try listing(of: path, patience))
        }
        let listing = directory.listing
        listing.touch()
        let emittedDots = cookie < firstEntryCookie
        guard !emittedDots || emitDots(directory, from: cookie, body) else { return }
        var next = Int(max(cookie, firstEntryCookie) - firstEntryCookie)
        while true {
            var batch = EntryBatch(fileSystem: self, directory: directory.node, listing: listing)
            // Not the number of entries: those that are left out have an index, too.
            next = listing.forEach(from: next) { index, name, attributes in
                batch.emit(index, name, attributes, withAttributes, body)
            }
            if let failure = batch.failure, batch.emitted == 0 { throw failure }
            if batch.emitted > 0 { directory.noteStart() }
            if batch.emitted > 0 || emittedDots || batch.isFull {
                directory.readAhead(listing, next: next, on: pool)
                return
            }
            // A page may have come between the two looks at it.
            if listing.count > next { continue }
            if listing.isComplete, listing.count <= next { return }
            guard patience == .waiting else { throw .wouldWait }
            let seen = next
            try ask { () throws(StoreError) in try listing.fill(beyond: seen) }
        }
    }

    /// Closes an open directory.
    /// - Parameter handle: An open directory; others are ignored.
    public func releaseDirectory(_ handle: HandleID) {
        guard let directory = handles.closeDirectory(handle) else { return }
        directory.close()
        inodes.close(directory.node)
    }

    /// A listing; empty for the root of a bucket or prefix that has nothing yet.
    private func listing(of path: RelativePath, _ patience: Patience) throws(FileSystemError)
        -> any DirectoryListing
    {
        do {
            return try namespace.listing(of: path, mayWait: patience == .waiting)
        } catch .notFound where path.isRoot {
            return EmptyListing()
        } catch {
            throw FileSystemError(error)
        }
    }

    /// Gives `.` and `..`.
    /// - Returns: `false` if `body` had enough.
    private func emitDots(
        _ directory: OpenDirectory,
        from cookie: UInt64,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) -> Bool {
        for (position, node) in [directory.node, directory.parent].enumerated() where position >= cookie {
            let dots: StaticString = position == 0 ? "." : ".."
            let entry = DirectoryEntry(
                name: UnsafeRawBufferPointer(start: dots.utf8Start, count: dots.utf8CodeUnitCount),
                inode: node.inode,
                type: UInt32(S_IFDIR),
                nextCookie: UInt64(position) + 1
            )
            guard body(entry, nil) else { return false }
            directory.noteStart()
        }
        return true
    }
}

/// One call's walk over the entries at hand.
private struct EntryBatch {
    let fileSystem: FileSystem
    let directory: Node
    let listing: any DirectoryListing
    /// The hash of the directory's path.
    private let pathHash: UInt64
    var emitted = 0
    var isFull = false
    var failure: FileSystemError?
    private var trust: Duration??

    init(fileSystem: FileSystem, directory: Node, listing: any DirectoryListing) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.listing = listing
        pathHash = fileSystem.inodes.place(of: directory).hash
    }

    /// Gives one entry.
    /// - Returns: Whether to go on.
    mutating func emit(
        _ index: Int,
        _ name: UnsafeRawBufferPointer,
        _ attributes: Attributes,
        _ withAttributes: Bool,
        _ body: (DirectoryEntry, NodeAttributes?) -> Bool
    ) -> Bool {
        var described: NodeAttributes?
        if withAttributes {
            do throws(FileSystemError) {
                described = try resolve(name, attributes)
            } catch {
                failure = error
                return false
            }
        }
        let childHash = PathHash.child(name, of: pathHash)
        let entry = DirectoryEntry(
            name: name,
            inode: described?.inode ?? Node.inode(of: attributes, pathHash: childHash),
            type: FileSystem.type(of: attributes),
            nextCookie: UInt64(index) + firstEntryCookie + 1
        )
        guard body(entry, described) else {
            if let described { fileSystem.forget(described.node, count: 1) }
            isFull = true
            return false
        }
        emitted += 1
        return true
    }

    /// The node of an entry, with one more reference; nil if the namespace does not bear out the snapshot.
    private mutating func resolve(
        _ name: UnsafeRawBufferPointer,
        _ attributes: Attributes
    ) throws(FileSystemError) -> NodeAttributes? {
        let inodes = fileSystem.inodes
        // The kernel asks for it by its name then, and that may wait.
        if inodes.contradicts(attributes) { return nil }
        // What this mount did is trusted for another time than the rest.
        if !listing.isOwn(name),
            let snapshot = try inodes.resolveListed(name, in: directory, as: attributes)
        {
            let trust = trust ?? trustOfSnapshot(name)
            self.trust = .some(trust)
            return fileSystem.describe(snapshot, validFor: trust)
        }
        guard let answer = answer(for: name), !inodes.contradicts(answer.attributes) else { return nil }
        let snapshot = try inodes.resolve(
            name,
            in: directory,
            as: answer.attributes,
            validated: nil
        )
        return fileSystem.describe(snapshot, validFor: answer.validFor)
    }

    /// For how long the entries of the snapshot are trusted: asked once a call, for its first entry.
    private func trustOfSnapshot(_ name: UnsafeRawBufferPointer) -> Duration? {
        guard let answer = answer(for: name) else { return .zero }
        return answer.validFor
    }

    private func answer(for name: UnsafeRawBufferPointer) -> TrustedAttributes? {
        guard let (_, path) = try? fileSystem.inodes.child(name, of: directory.id) else { return nil }
        return try? fileSystem.namespace.attributes(of: path, mayWait: false)
    }
}
