import CoreMetrics
import Glibc
import Metadata
public import Pages

/// SEEK_DATA and SEEK_HOLE of lseek(2), which the C library hides behind `_GNU_SOURCE`.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4

extension FileSystem {
    /// An open believes an answer that the store gave for this very name so recently: the LOOKUP of the same
    /// open(2).
    static let justValidatedNanoseconds: Int64 = 50_000_000

    /// Opens a file.
    ///
    /// Asks the store according to the mode of consistency. In mode 0 always, except just after the lookup of
    /// the same name did; in mode t only if what is known is older than t and an answer could come from the
    /// cache: otherwise the first GET, which names the version, finds out, and the read fails as stale. In
    /// mode -1 never.
    /// - Parameters:
    ///   - node: The file's node.
    ///   - flags: Those of open(2).
    ///   - patience: Whether to wait.
    /// - Returns: A handle on the node's version.
    /// - Throws: ``FileSystemError/stale`` if the path is known to lead to another version by now; the kernel
    ///   then walks it again. ``FileSystemError/readOnly`` if the flags ask for more than reading of a mount
    ///   or a store that cannot be written to.
    public func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile
    {
        let (snapshot, path) = try inodes.find(node)
        switch snapshot.node.kind {
        case .directory: throw .isDirectory
        case .symbolicLink: throw .invalid
        case .special: throw .unsupported
        case .file: break
        }
        if Self.wantsToChange(flags) { _ = try writable() }
        if snapshot.flags.contains(.command) { throw .unsupported }
        let home: (any WritableStore)?
        do throws(FileSystemError) {
            guard !snapshot.flags.contains(.replaced) else { throw .stale }
            home = try self.home(opening: path, flags: flags, patience)
            if !snapshot.flags.contains(.changing) {
                try validate(snapshot, path, self.version(of: snapshot.node, path: path), patience)
            }
            try inodes.open(snapshot.node)
        } catch {
            if error == .stale { metrics.staleOpens.increment() }
            throw error
        }
        do throws(FileSystemError) {
            let handle = try handles.openFile(node) {
                OpenFile(node: snapshot.node, version: openVersion(of: snapshot.node, path), home: home)
            }
            if flags & O_TRUNC != 0, let file = handles.file(handle) { try empty(file, handle, patience) }
            return OpenedFile(handle: handle, keepsKernelPages: true)
        } catch {
            inodes.close(snapshot.node)
            throw error
        }
    }

    /// Whether the flags of open(2) ask for more than reading.
    static func wantsToChange(_ flags: Int32) -> Bool {
        flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0
    }

    /// Cuts a file that is being opened.
    private func empty(
        _ file: OpenFile,
        _ handle: HandleID,
        _ patience: Patience
    ) throws(FileSystemError) {
        do throws(FileSystemError) {
            try resize(file, to: 0, patience)
        } catch {
            if let (file, wasLast) = handles.closeFile(handle), wasLast { file.version.close() }
            throw error
        }
    }

    /// Reads from an open file.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - offset: First byte; not negative.
    ///   - count: The most bytes; not negative.
    ///   - patience: Whether to wait.
    /// - Returns: The bytes, fewer at the end of the file, none past it.
    /// - Throws: ``FileSystemError/stale`` if the store no longer has the version, or another
    ///   ``FileSystemError``.
    public func read(
        _ handle: HandleID,
        at offset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        guard offset >= 0, count >= 0 else { throw .invalid }
        guard let file = handles.file(handle) else { throw .invalid }
        let (end, overflow) = offset.addingReportingOverflow(Int64(count))
        return try read(file, Span(from: offset, to: overflow ? .max : end), patience)
    }

    /// Reads a span of an open file, as far as the file goes.
    func read(_ file: OpenFile, _ span: Span, _ patience: Patience) throws(FileSystemError) -> PinnedBytes {
        let (version, writer) = file.content
        if let writer { return try readChanged(file, writer, span, patience) }
        let span = span.clamped(to: version.size)
        guard !span.isEmpty else { return .empty }
        if version.noteRead() { inodes.markRead(file.node) }
        return try readBase(file, version, span, patience)
    }

    /// Reads from a file that is being changed: from its staging file and from the version under it.
    private func readChanged(
        _ file: OpenFile,
        _ writer: Writer,
        _ span: Span,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        let (pieces, base) = writer.pieces(of: span)
        var parts: [PinnedBytes] = []
        for piece in pieces {
            if piece.isStaged {
                let bytes = PinnedBytes.Piece.file(
                    descriptor: writer.staged.descriptor,
                    offset: piece.span.offset,
                    count: piece.span.count
                )
                parts.append(PinnedBytes(pieces: [bytes], pin: writer.staged))
            } else if let base {
                parts.append(try readBase(file, base, piece.span, patience))
            }
        }
        return .joined(parts)
    }

    private func readBase(
        _ file: OpenFile,
        _ version: OpenVersion,
        _ span: Span,
        _ patience: Patience
    ) throws(FileSystemError) -> PinnedBytes {
        if let bytes = version.resident(span) { return bytes }
        guard patience == .waiting else { throw .wouldWait }
        do {
            return try version.fetch(span)
        } catch {
            // A version that was there and is not found is gone: to the reader the same as replaced.
            guard error == .stale || error == .notFound else { throw FileSystemError(error) }
            if let path = try? inodes.find(file.node.id).path { namespace.invalidate(path) }
            inodes.markReplaced(file.node)
            throw .stale
        }
    }

    /// Commits, and remembers what the caller is told the store did not take: the release leaves it alone.
    func answer(for file: OpenFile, _ patience: Patience) throws(FileSystemError) {
        guard let writer = file.writer else { return }
        let changes = writer.changes
        do throws(FileSystemError) {
            try commit(file, patience)
        } catch {
            if error != .wouldWait { writer.refuse(changes) }
            throw error
        }
    }

    /// Closes an open file.
    ///
    /// What a mapping changed after the last flush is stored first; what that flush could not store is not.
    /// The handle is not used again, unless the call throws ``FileSystemError/wouldWait``.
    /// - Parameters:
    ///   - handle: An open file; others are ignored.
    ///   - patience: Whether to wait for the store.
    /// - Throws: ``FileSystemError/wouldWait``; or, with the file closed, why it was not stored.
    public func release(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        guard let file = handles.file(handle) else { return }
        var failure: FileSystemError?
        if let writer = file.writer, writer.isDirty {
            guard patience == .waiting else { throw .wouldWait }
            do throws(FileSystemError) {
                if writer.isUnanswered { try commit(file, patience) }
            } catch {
                failure = error
            }
        }
        guard let (_, wasLast) = handles.closeFile(handle) else { return }
        if wasLast {
            finish(file)
            file.version.close()
        }
        inodes.close(file.node)
        if let failure { throw failure }
    }

    /// Finds data or a hole in an open file: an object has no holes but the one behind its end.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - offset: Where to start, in bytes.
    ///   - whence: SEEK_DATA (3) or SEEK_HOLE (4).
    ///   - patience: Not needed: the length is known.
    /// - Returns: `offset` for data, the file's size for a hole.
    /// - Throws: ``FileSystemError/noSuchOffset`` at or past the end, ``FileSystemError/invalid`` for another
    ///   `whence`.
    public func seek(
        _ handle: HandleID,
        from offset: Int64,
        whence: Int32,
        _ patience: Patience
    ) throws(FileSystemError) -> Int64 {
        guard let file = handles.file(handle) else { throw .invalid }
        guard whence == seekData || whence == seekHole else { throw .invalid }
        let size = file.writer?.size ?? file.version.size
        guard offset >= 0, offset < size else { throw .noSuchOffset }
        return whence == seekData ? offset : size
    }

    /// The version that a node is.
    func version(of node: Node, path: RelativePath) -> FileVersion {
        let (etag, size) = inodes.version(of: node)
        return FileVersion(uri: namespace.uri(of: path), etag: etag ?? ETag(""), size: max(0, size))
    }

    /// Makes sure, as far as the mode of consistency wants it, that a node is still what its path stands for.
    private func validate(
        _ snapshot: InodeTable.Snapshot,
        _ path: RelativePath,
        _ version: FileVersion,
        _ patience: Patience
    ) throws(FileSystemError) {
        guard let interval = options.syncInterval else { return }
        let age = clock().subtractingReportingOverflow(snapshot.validated)
        if !age.overflow, age.partialValue <= Self.justValidatedNanoseconds { return }
        if interval > .zero {
            if try isTrusted(snapshot.node, path) { return }
            // Nothing that the kernel or we hold could be read without a GET, and that names the version.
            if version.size > 0, !snapshot.flags.contains(.wasRead), pages.cachedBytes(of: version) == 0 {
                return
            }
        }
        guard patience == .waiting else { throw .wouldWait }
        try revalidate(snapshot.node, path)
    }

    /// Whether what is known without asking bears out a node.
    /// - Returns: `false` if nothing is known.
    private func isTrusted(_ node: Node, _ path: RelativePath) throws(FileSystemError) -> Bool {
        do {
            let answer = try namespace.attributes(of: path, mayWait: false)
            if inodes.isVersion(node, of: answer.attributes) { return true }
        } catch .wouldWait {
            return false
        } catch .notFound {
            // Found out below, like another version.
        } catch {
            throw FileSystemError(error)
        }
        inodes.markReplaced(node)
        throw .stale
    }

    /// Asks the store for a node's path.
    private func revalidate(_ node: Node, _ path: RelativePath) throws(FileSystemError) {
        do {
            let attributes = try namespace.revalidate(path, known: node.kind)
            if inodes.validate(node, against: attributes, at: clock()) { return }
        } catch .notFound {
            inodes.markReplaced(node)
        } catch {
            throw FileSystemError(error)
        }
        throw .stale
    }
}
