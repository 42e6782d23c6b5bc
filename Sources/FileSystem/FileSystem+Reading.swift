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

    /// Opens a file for reading.
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
    ///   then walks it again. ``FileSystemError/readOnly`` if the flags ask for more than reading.
    public func open(_ node: NodeID, flags: Int32, _ patience: Patience) throws(FileSystemError) -> OpenedFile
    {
        let (snapshot, path) = try inodes.find(node)
        switch snapshot.node.kind {
        case .directory: throw .isDirectory
        case .symbolicLink: throw .invalid
        case .special: throw .unsupported
        case .file: break
        }
        guard flags & O_ACCMODE == O_RDONLY, flags & (O_TRUNC | O_CREAT) == 0 else { throw .readOnly }
        if snapshot.flags.contains(.command) { throw .unsupported }
        let version = self.version(of: snapshot.node, path: path)
        do throws(FileSystemError) {
            guard !snapshot.flags.contains(.replaced) else { throw .stale }
            try validate(snapshot, path, version, patience)
            try inodes.open(snapshot.node)
        } catch {
            if error == .stale { metrics.staleOpens.increment() }
            throw error
        }
        do throws(FileSystemError) {
            let handle = try handles.openFile(node) {
                OpenVersion(node: snapshot.node, file: pages.open(version), readAhead: readAhead)
            }
            return OpenedFile(handle: handle, keepsKernelPages: true)
        } catch {
            inodes.close(snapshot.node)
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
        guard let version = handles.file(handle) else { throw .invalid }
        let (end, overflow) = offset.addingReportingOverflow(Int64(count))
        let span = Span(from: min(offset, version.size), to: min(overflow ? .max : end, version.size))
        guard !span.isEmpty else { return .empty }
        if version.noteRead() { inodes.markRead(version.node) }
        if let bytes = version.resident(span) { return bytes }
        guard patience == .waiting else { throw .wouldWait }
        do {
            return try version.fetch(span)
        } catch {
            // A version that was there and is not found is gone: to the reader the same as replaced.
            guard error == .stale || error == .notFound else { throw FileSystemError(error) }
            if let path = try? inodes.find(version.node.id).path { namespace.invalidate(path) }
            inodes.markReplaced(version.node)
            throw .stale
        }
    }

    /// Closes an open file.
    ///
    /// The handle is not used again.
    /// - Parameter handle: An open file; others are ignored.
    public func release(_ handle: HandleID) {
        guard let (version, wasLast) = handles.closeFile(handle) else { return }
        if wasLast { version.close() }
        inodes.close(version.node)
    }

    /// Finds data or a hole in an open file: an object has no holes but the one behind its end.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - offset: Where to start, in bytes.
    ///   - whence: SEEK_DATA (3) or SEEK_HOLE (4).
    /// - Returns: `offset` for data, the file's size for a hole.
    /// - Throws: ``FileSystemError/noSuchOffset`` at or past the end, ``FileSystemError/invalid`` for another
    ///   `whence`.
    public func seek(_ handle: HandleID, from offset: Int64, whence: Int32) throws(FileSystemError) -> Int64 {
        guard let version = handles.file(handle) else { throw .invalid }
        guard whence == seekData || whence == seekHole else { throw .invalid }
        guard offset >= 0, offset < version.size else { throw .noSuchOffset }
        return whence == seekData ? offset : version.size
    }

    /// The version that a node is.
    func version(of node: Node, path: RelativePath) -> FileVersion {
        FileVersion(uri: namespace.uri(of: path), etag: node.etag ?? ETag(""), size: max(0, node.size))
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
            if node.isVersion(of: answer.attributes) { return true }
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
