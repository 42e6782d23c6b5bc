import CoreMetrics
import Glibc
import Logging
import Metadata
import Pages
import Threading

/// Changing contents: handles, writers, commits. States in `docs/writing.md`.
extension FileSystem {
    /// Writes to an open file.
    /// - Parameters:
    ///   - handle: A file that is open for writing.
    ///   - offset: First byte; not negative.
    ///   - bytes: What to write; used during the call only.
    ///   - patience: Whether to wait for a commit of the same file, or for room.
    /// - Returns: How many bytes were written: all.
    /// - Throws: ``FileSystemError/noSpace(_:)``, ``FileSystemError/tooLarge``, or another
    ///   ``FileSystemError``.
    public func write(
        _ handle: HandleID,
        at offset: Int64,
        _ bytes: UnsafeRawBufferPointer,
        _ patience: Patience
    ) throws(FileSystemError) -> Int {
        guard offset >= 0 else { throw .invalid }
        guard let file = handles.file(handle) else { throw .badHandle }
        guard !bytes.isEmpty else { return 0 }
        let writer = try writer(of: file)
        let sendsAhead = try writer.write(bytes, at: offset, mayWait: patience == .waiting) {
            file.home?.upload(to: self.path(of: file.node))
        }
        noteChange(of: file, writer)
        if sendsAhead { sendAhead(writer) }
        metrics.writtenBytes.increment(by: bytes.count)
        return bytes.count
    }

    /// Stores what was changed, as close(2) wants it.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - patience: Whether to wait for the store.
    /// - Throws: Why the store does not have it.
    public func flush(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        guard let file = handles.file(handle) else { throw .badHandle }
        guard writing?.writeType == .asyncThrough, file.writer?.isDirty == true else {
            return try answer(for: file, patience)
        }
        guard patience == .waiting else { throw .wouldWait }
        try promise(file)
        try commitLater(file)
    }

    /// Makes what was changed durable, as fsync(2) wants it.
    /// - Parameters:
    ///   - handle: An open file.
    ///   - dataOnly: Whether times and owner may be lost in a crash.
    ///   - patience: Whether to wait.
    /// - Throws: Why it is not durable.
    public func sync(
        _ handle: HandleID,
        dataOnly: Bool,
        _ patience: Patience
    ) throws(FileSystemError) {
        guard let file = handles.file(handle) else { throw .badHandle }
        guard let parts = writing, let home = file.home else { return }
        guard patience == .waiting else { throw .wouldWait }
        if parts.durability == .stage {
            try promise(file)
            return
        }
        try commit(file, patience)
        // A store of objects has the data, and only its attributes may still wait.
        guard !dataOnly || home.makesFilesAtOnce,
            let (snapshot, path) = try? inodes.find(file.node.id),
            !snapshot.flags.contains(.unlinked)
        else { return }
        try ask { () throws(StoreError) in try home.sync(path) }
    }

    /// Makes what was changed of a directory's names durable.
    /// - Parameters:
    ///   - handle: An open directory.
    ///   - patience: Whether to wait.
    /// - Throws: Why it is not durable.
    public func syncDirectory(_ handle: HandleID, _ patience: Patience) throws(FileSystemError) {
        guard let directory = handles.directory(handle) else { throw .badHandle }
        guard let parts = writing else { return }
        guard patience == .waiting else { throw .wouldWait }
        let path = try inodes.find(directory.node.id).path
        try ask { () throws(StoreError) in try parts.store.sync(path) }
    }

    /// Reserves, erases or zeros a range, as fallocate(2) wants it.
    /// - Parameters:
    ///   - handle: A file that is open for writing.
    ///   - mode: Its flags: 0, `KEEP_SIZE`, `PUNCH_HOLE | KEEP_SIZE`, `ZERO_RANGE` with or without
    ///     `KEEP_SIZE`.
    ///   - offset: First byte.
    ///   - count: Length in bytes; positive.
    ///   - patience: Whether to wait.
    /// - Throws: ``FileSystemError/unsupported`` for other flags.
    public func allocate(
        _ handle: HandleID,
        mode: Int32,
        offset: Int64,
        count: Int64,
        _ patience: Patience
    ) throws(FileSystemError) {
        guard offset >= 0, count > 0 else { throw .invalid }
        guard let file = handles.file(handle) else { throw .badHandle }
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow else { throw .tooLarge }
        let mayWait = patience == .waiting
        let writer = try writer(of: file)
        let keepsSize = mode & AllocationMode.keepSize != 0
        switch mode & ~AllocationMode.keepSize {
        case 0:
            break
        case AllocationMode.punchHole where keepsSize, AllocationMode.zeroRange:
            let span = Span(from: offset, to: max(offset, end)).clamped(to: writer.size)
            try writer.erase(span, mayWait: mayWait)
        default:
            throw .unsupported
        }
        if !keepsSize, end > writer.size { try writer.resize(to: end, mayWait: mayWait) }
        // Its time alone changes, which the store must be told.
        guard writer.hasChanges || mayWait else { throw .wouldWait }
        noteChange(of: file, writer)
    }

    /// Copies bytes from one open file to another, or inside of one.
    ///
    /// A whole file that is copied into an empty one is not read: a store of objects copies it at the commit.
    /// - Returns: How many bytes were copied: at least one unless the source ends at `offset`; the caller
    ///   asks for the rest.
    /// - Throws: ``FileSystemError/invalid`` for ranges of one file that overlap,
    ///   ``FileSystemError/crossDevice`` for files of two stores.
    public func copy(
        from source: HandleID,
        at offset: Int64,
        to target: HandleID,
        at targetOffset: Int64,
        count: Int,
        _ patience: Patience
    ) throws(FileSystemError) -> Int {
        guard let from = handles.file(source), let to = handles.file(target) else { throw .badHandle }
        guard offset >= 0, targetOffset >= 0, count >= 0 else { throw .invalid }
        guard patience == .waiting else { throw .wouldWait }
        guard areNeighbours(from, to) else { throw .crossDevice }
        let size = from.writer?.size ?? from.version.size
        let span = Span(from: min(offset, size), to: min(offset + Int64(count), size))
        if from === to, offset < targetOffset + Int64(span.count), targetOffset < span.end { throw .invalid }
        let piece = Span(from: span.offset, to: min(span.end, span.offset + Self.copiedAtOnce))
        guard !piece.isEmpty else { return 0 }
        let writer = try writer(of: to)
        // A local store writes into the file that is there, and keeps nothing of another one.
        if to.home?.makesFilesAtOnce == false, targetOffset == 0, span == Span(from: 0, to: size),
            from.writer?.isDirty != true, writer.takeBase(from.version)
        {
            noteChange(of: to, writer)
            return span.count
        }
        let bytes = try read(from, piece, .waiting)
        var next = targetOffset
        // What the target refuses keeps its own name on the way through the source's error type.
        var refusal: FileSystemError?
        do throws(StoreError) {
            try bytes.copy { bytes throws(StoreError) in
                do throws(FileSystemError) {
                    _ = try writer.write(bytes, at: next, mayWait: true) { nil }
                } catch {
                    refusal = error
                    throw .cancelled
                }
                next += Int64(bytes.count)
            }
        } catch {
            throw refusal ?? FileSystemError(error)
        }
        noteChange(of: to, writer)
        return piece.count
    }

    /// Cuts or extends a file.
    func resize(_ file: OpenFile, to size: Int64, _ patience: Patience) throws(FileSystemError) {
        guard size >= 0 else { throw .invalid }
        let (writer, isNew) = try file.writer { version throws(FileSystemError) in
            // What is cut off whole is not needed of the old version.
            try makeWriter(of: file, version, keepsBase: size > 0)
        }
        if !isNew || size > 0 { try writer.resize(to: size, mayWait: patience == .waiting) }
        noteChange(of: file, writer)
    }

    // MARK: Commits

    /// Stores what was changed of a file.
    func commit(_ file: OpenFile, _ patience: Patience) throws(FileSystemError) {
        guard let home = file.home, let writer = file.writer else { return }
        let node = file.node
        if writer.isDirty { try commitCopies(ofAnyAtOrBelow: [path(of: node)]) }
        let job = try writer.beginCommit(mayWait: patience == .waiting) {
            home.upload(to: self.path(of: node))
        }
        guard let job else { return }
        let (snapshot, path) = try inodes.find(node.id)
        do throws(StoreError) {
            let attributes = try job.upload.commit(
                job.contents,
                if: job.condition,
                attributes: job.isNew ? native(of: snapshot) : nil
            )
            committed(file, writer, path, attributes, home)
        } catch {
            let failure = commitFailure(error, home.uri(of: path))
            metrics.failedCommits.increment()
            if failure == .stale {
                if home.holds(path) { namespace.invalidate(path) }
                inodes.lose(node)
            }
            writer.failCommit(failure)
            throw failure
        }
        try keepTimes(of: file, path, home)
    }

    /// Stores a promised file on the pool; a handle of ours keeps it open until the store has it.
    private func commitLater(_ file: OpenFile) throws(FileSystemError) {
        try inodes.open(file.node)
        let handle: HandleID
        do throws(FileSystemError) {
            handle = try handles.openFile(file.node.id) { file }
        } catch {
            inodes.close(file.node)
            throw error
        }
        let job: @Sendable () -> Void = { [self] in
            do throws(FileSystemError) {
                try release(handle, .waiting)
            } catch {
                Logger(label: "staging").error(
                    "a file that was promised could not be stored",
                    metadata: ["object": "\(uri(of: file, path(of: file.node)))", "reason": "\(error)"]
                )
            }
        }
        // Without a free thread the caller waits, as for any other write type.
        if !pool.submit(.demand, job) { job() }
    }

    private func committed(
        _ file: OpenFile,
        _ writer: Writer,
        _ path: RelativePath,
        _ attributes: Attributes,
        _ home: any WritableStore
    ) {
        metrics.commits.increment()
        let version = FileVersion(
            uri: home.uri(of: path),
            etag: attributes.etag ?? ETag(""),
            size: attributes.size
        )
        let base = OpenVersion(file: pages.open(version), readAhead: readAhead)
        inodes.committed(file.node, as: attributes)
        settle(file.node, path, attributes, in: home)
        file.replace(base)
        writer.endCommit(version, base: base)
    }

    /// Gives the new version the times that were set after the last write.
    private func keepTimes(
        of file: OpenFile,
        _ path: RelativePath,
        _ home: any WritableStore
    ) throws(FileSystemError) {
        guard let times = file.times else { return }
        file.setTimes(nil)
        try change(file.node, path, times, home)
    }

    /// Puts what was changed on the local disk, for the next daemon if this one does not get to it.
    func promise(_ file: OpenFile) throws(FileSystemError) {
        guard let writer = file.writer else { return }
        // What lies in another file's version would be lost with that file.
        guard writer.copiedFrom == nil else { return try commit(file, .waiting) }
        let (snapshot, path) = try inodes.find(file.node.id)
        let native = native(of: snapshot)
        let owner = StagingEvent.Owner(mode: native.mode, uid: native.uid, gid: native.gid)
        try writer.promise(path, at: namespace.uri(of: path), owner)
    }

    /// What a user is told of a commit that failed.
    private func commitFailure(_ error: StoreError, _ object: UFSURI) -> FileSystemError {
        switch error {
        // The name has another version than the one that was opened, or is there although it was not.
        case .stale, .exists, .notFound: .stale
        case .cancelled, .wouldWait: .inputOutput("\(object): the commit was given up")
        case .unsupported(let text): .inputOutput(text)
        default: FileSystemError(error)
        }
    }

    /// What remains to be done when the last handle of a file is closed.
    func finish(_ file: OpenFile) {
        guard let writer = file.writer else { return }
        let (snapshot, path) = (try? inodes.find(file.node.id)) ?? (nil, .root)
        let isUnlinked = snapshot?.flags.contains(.unlinked) ?? true
        guard !isUnlinked else { return writer.orphan() }
        guard !writer.isDirty else {
            // Its last flush failed and told why.
            metrics.abandonedFiles.increment()
            Logger(label: "staging").warning(
                "a file was closed that the store has not taken; its bytes are kept aside",
                metadata: [
                    "object": "\(uri(of: file, path))", "staged": "\(writer.staged.keepAside(path))",
                ]
            )
            if isFound(file, at: path) {
                if writer.isPending { namespace.drop(path) } else { namespace.invalidate(path) }
            }
            inodes.lose(file.node)
            return writer.orphan()
        }
        guard writing?.writeType != .through else { return }
        pages.adopt(file.version.version, from: writer.staged.descriptor, spans: writer.stagedSpans)
    }

    // MARK: Writers

    /// The writer of an open file, made if there is none.
    func writer(of file: OpenFile) throws(FileSystemError) -> Writer {
        try file.writer { version throws(FileSystemError) in
            try makeWriter(of: file, version, keepsBase: true)
        }.writer
    }

    /// A writer for a version that is there, of which some bytes may be kept.
    func makeWriter(
        of file: OpenFile,
        _ version: OpenVersion,
        keepsBase: Bool
    ) throws(FileSystemError) -> Writer {
        guard let home = file.home else { throw .readOnly }
        try Self.requireChangeable(home)
        return Writer(
            staged: try writable().staging.makeFile(
                for: path(of: file.node),
                in: home.address,
                base: version.version
            ),
            base: keepsBase ? version : nil,
            version: version.version,
            condition: .version(version.version.etag)
        )
    }

    /// Notes size and times of a file that was just changed.
    ///
    /// Of a change that changed no byte no commit would ever make the node a version again; only its time is
    /// changed.
    func noteChange(of file: OpenFile, _ writer: Writer) {
        guard writer.hasChanges else { return touchUnchanged(file) }
        guard let snapshot = try? inodes.find(file.node.id).snapshot else { return }
        let now = unixTime()
        var native = native(of: snapshot)
        native.changed = now
        inodes.changed(file.node, size: writer.size, native: native, modified: now)
        file.setTimes(nil)
    }

    private func touchUnchanged(_ file: OpenFile) {
        guard let home = file.home, let (snapshot, path) = try? inodes.find(file.node.id),
            !snapshot.flags.contains(.unlinked), file.writer?.isPending != true
        else { return }
        var now = NodeChange()
        now.modified = .now
        try? change(file.node, path, now.attributes(at: unixTime()), home)
    }

    /// The path of a node; the root's for one that is gone.
    func path(of node: Node) -> RelativePath { (try? inodes.find(node.id).path) ?? .root }

    /// How much one call of ``copy(from:at:to:at:count:_:)`` copies through memory.
    private static let copiedAtOnce: Int64 = 16 << 20
}

/// The flags of fallocate(2), which the C library hides behind `_GNU_SOURCE`.
private enum AllocationMode {
    static let keepSize: Int32 = 1
    static let punchHole: Int32 = 2
    static let zeroRange: Int32 = 16
}
