import Glibc
import Metadata
import NIOHTTP1
import Pages
import Threading

/// What a copy may do.
struct CopyWish {
    /// Whether directories are copied, with everything below them.
    var isRecursive = false
    /// Whether files that are there are replaced.
    var isForced = false
    /// Whether mode, owner, times and extended attributes come along.
    var preserves = false
}

/// Copying names, between stores too.
///
/// Within one S3 store the server copies; else the bytes come through this worker, in its windows or by its
/// staging directory.
struct TreeCopy {
    let source: StoreChanges
    let target: StoreChanges
    let wish: CopyWish

    /// Copies a name.
    /// - Throws: A 404 if there is none, a 409 if the target is there and `wish` does not force it, or if
    ///   `path` is a directory and `wish` is not recursive.
    func copy(_ path: RelativePath, to goal: RelativePath) throws(HTTPFailure) {
        guard !goal.isRoot else { throw StoreChanges.isMountPoint }
        let known = try source.existing(path)
        if known.kind == .directory {
            guard wish.isRecursive else {
                throw .refused(.conflict, "\(location(path).uri) is a directory; copy it with recursive=true")
            }
            guard source.mount.id != target.mount.id || !goal.isAtOrBelow(path) else {
                throw .refused(.badRequest, "\(location(path).uri) cannot be copied into itself")
            }
        }
        try target.makeParents(of: goal)
        try copy(path, known, to: goal, depth: 0)
        try target.ask(goal) { () throws(StoreError) in try target.store.finish() }
    }

    private func location(_ path: RelativePath) -> FileLocation { FileLocation(source.mount, path) }

    private func copy(_ path: RelativePath, _ known: Attributes, to goal: RelativePath, depth: Int)
        throws(HTTPFailure)
    {
        guard depth < StoreChanges.depthMaximum else {
            throw .refused(.badRequest, "\(path): more than \(StoreChanges.depthMaximum) directories deep")
        }
        let there = try target.attributes(of: goal)
        if let there, !wish.isForced || (there.kind == .directory) != (known.kind == .directory) {
            throw HTTPFailure(.exists, FileLocation(target.mount, goal))
        }
        defer { target.changed(goal) }
        switch known.kind {
        case .directory: try copyDirectory(path, known, to: goal, there, depth: depth)
        case .file: try copyFile(path, known, to: goal, there)
        case .symbolicLink, .special: try copyOther(path, known, to: goal, there)
        }
        if wish.preserves { try preserve(path, known, on: goal) }
    }

    private func copyDirectory(
        _ path: RelativePath,
        _ known: Attributes,
        to goal: RelativePath,
        _ there: Attributes?,
        depth: Int
    ) throws(HTTPFailure) {
        if there == nil {
            try target.ask(goal) { () throws(StoreError) in
                _ = try target.store.make(goal, entry(known, UInt32(S_IFDIR) | 0o755))
            }
        }
        for (name, attributes) in try source.entries(of: path) {
            try copy(path.appending(name), attributes, to: goal.appending(name), depth: depth + 1)
        }
    }

    /// A new name with the mode and owner of the old one, if they are preserved.
    private func entry(_ known: Attributes, _ mode: UInt32) -> NewEntry {
        guard wish.preserves, let posix = known.posix else { return StoreChanges.entry(mode) }
        return NewEntry(
            mode: posix.mode,
            uid: posix.uid,
            gid: posix.gid,
            device: posix.device,
            time: unixTime()
        )
    }

    private func copyOther(
        _ path: RelativePath,
        _ known: Attributes,
        to goal: RelativePath,
        _ there: Attributes?
    )
        throws(HTTPFailure)
    {
        var entry = entry(known, known.posix?.mode ?? UInt32(S_IFLNK) | 0o777)
        if known.kind == .symbolicLink {
            entry.target = try source.ask(path) { () throws(StoreError) in
                try source.store.linkTarget(of: path)
            }
        }
        let made = entry
        try target.ask(goal) { () throws(StoreError) in
            if let there { try target.store.remove(goal, known: there, siblings: .some) }
            _ = try target.store.make(goal, made)
        }
    }

    private func copyFile(
        _ path: RelativePath,
        _ known: Attributes,
        to goal: RelativePath,
        _ there: Attributes?
    )
        throws(HTTPFailure)
    {
        guard let etag = known.etag else { return }
        let version = FileVersion(uri: source.store.uri(of: path), etag: etag, size: known.size)
        let bytes = source.mount.store
        let stage = try target.state.staging.open()
        var kept = known.size > 0 ? [Span(offset: 0, count: Int(known.size))] : []
        if target.store.makesFilesAtOnce {
            // Such a store writes into the file itself, and keeps nothing of another one.
            try fetch(version, from: bytes, into: stage)
            kept = []
        }
        let contents = StagedContents(
            base: kept.isEmpty ? nil : version,
            kept: kept,
            size: known.size,
            staged: stage.descriptor
        ) { span, sink throws(StoreError) in
            try bytes.fetch(span, of: version, into: sink)
        }
        let condition = there?.etag.map { ChangeCondition.version($0) } ?? .absent
        var posix = StoreChanges.newFile
        if wish.preserves, let native = known.posix {
            (posix.mode, posix.uid, posix.gid) = (native.mode, native.uid, native.gid)
        }
        let attributes = posix
        try target.ask(goal) { () throws(StoreError) in
            let upload = target.store.upload(to: goal)
            do throws(StoreError) {
                _ = try upload.commit(contents, if: condition, attributes: there == nil ? attributes : nil)
            } catch {
                upload.abandon()
                throw error
            }
        }
        withExtendedLifetime(stage) {}
    }

    private func fetch(_ version: FileVersion, from bytes: any SpanSource, into stage: UploadStage)
        throws(HTTPFailure)
    {
        var position: Int64 = 0
        while position < version.size {
            let span = Span(from: position, to: min(position + Int64(WorkerLimits.windowBytes), version.size))
            var refusal: HTTPFailure?
            do throws(StoreError) {
                try bytes.fetch(span, of: version) { part throws(StoreError) in
                    do throws(HTTPFailure) {
                        try stage.append(part)
                    } catch {
                        refusal = error
                        throw .cancelled
                    }
                }
            } catch {
                throw refusal ?? HTTPFailure(error, FileLocation(source.mount, .root))
            }
            position = span.end
        }
    }

    /// Gives the copy the mode, owner, times and extended attributes of the original.
    private func preserve(_ path: RelativePath, _ known: Attributes, on goal: RelativePath)
        throws(HTTPFailure)
    {
        guard let made = try target.attributes(of: goal) else { return }
        var change = AttributeChange(changed: unixTime())
        change.modified = known.modified == 0 ? nil : known.modified
        if let posix = known.posix {
            (change.permissions, change.uid, change.gid) = (posix.mode & 0o7777, posix.uid, posix.gid)
            change.accessed = posix.accessed
        }
        let wanted = change
        try target.ask(goal) { () throws(StoreError) in
            for (name, value) in try source.store.extendedAttributes(of: path, known: known) {
                try target.store.setExtendedAttribute(
                    name,
                    to: value,
                    .any,
                    of: goal,
                    known: made,
                    time: wanted.changed
                )
            }
            _ = try target.store.change(goal, wanted, known: made)
        }
    }
}
