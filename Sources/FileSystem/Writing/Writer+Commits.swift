import Metadata
import Pages
import Threading

/// How changes get into the store.
extension Writer {
    /// Begins a commit if there is something to commit; waits for one under way.
    /// - Parameters:
    ///   - mayWait: Whether to wait for a commit under way.
    ///   - upload: Makes the way into the store, if none has been begun.
    /// - Returns: nil if there is nothing to do.
    /// - Throws: ``FileSystemError/stale`` if the file is lost.
    func beginCommit(
        mayWait: Bool,
        _ upload: () -> any ContentUpload
    ) throws(FileSystemError) -> Job? {
        lock.lock()
        defer { lock.unlock() }
        try awaitIdle(mayWait: mayWait)
        if let lost = state.lost { throw lost }
        guard state.extents.isDirty, !state.isOrphan else { return nil }
        guard mayWait else { throw .wouldWait }
        let way = state.upload ?? upload()
        state.upload = nil
        state.isCommitting = true
        let base = state.base
        let contents = StagedContents(
            base: state.source ?? state.version,
            kept: base == nil ? [] : state.extents.kept,
            size: state.extents.size,
            staged: staged.descriptor,
            sums: { [self] in sum(of: $0) },
            readBase: { [self] span, sink throws(StoreError) in try readKept(span, of: base, into: sink) }
        )
        return Job(
            upload: way,
            contents: contents,
            condition: state.condition,
            isNew: state.version == nil
        )
    }

    /// The store has everything.
    /// - Parameters:
    ///   - version: What it has now.
    ///   - base: The same, for reading what is not staged.
    func endCommit(_ version: FileVersion, base: OpenVersion) {
        locked { state in
            state.extents.committed()
            state.version = version
            state.replaced = nil
            state.source = nil
            state.base = base
            state.condition = .version(version.etag)
            state.isCommitting = false
            // A log that cannot be written costs a false report after a crash, no more.
            state.isNotedClean = (try? staged.noted(.clean)) != nil
        }
        idle.broadcast()
    }

    /// Puts everything on the local disk, so that the next daemon can commit it.
    /// - Parameters:
    ///   - path: Its name.
    ///   - address: The name's address.
    ///   - owner: What a new file will be like.
    /// - Throws: Why it is not durable.
    func promise(
        _ path: RelativePath,
        at address: UFSURI,
        _ owner: StagingEvent.Owner
    ) throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        try awaitIdle(mayWait: true)
        // What was copied from another file meanwhile was not there when somebody asked for this.
        guard state.extents.isDirty, !state.isOrphan, state.source == nil else { return }
        let hasBase = state.base != nil
        try staged.promise(
            path,
            base: state.expected(at: address),
            StagingEvent.Contents(size: state.extents.size, kept: hasBase ? state.extents.kept : []),
            state.version == nil ? owner : nil
        )
    }

    /// The store has refused; the changes are still staged.
    /// - Parameter error: ``FileSystemError/stale`` loses the file for good.
    func failCommit(_ error: FileSystemError) {
        locked { state in
            state.isCommitting = false
            if error == .stale { state.lost = error }
        }
        idle.broadcast()
    }

    /// How many changes there were so far, for ``refuse(_:)``.
    var changes: UInt64 { locked { $0.changes } }

    /// A close has told its caller that so many changes were not stored.
    ///
    /// Only a later flush or fsync may store them, as it answers for them.
    func refuse(_ changes: UInt64) { locked { $0.refusedChanges = changes } }

    /// Whether something is to be committed that no close has answered for yet.
    var isUnanswered: Bool {
        locked { $0.extents.isDirty && !$0.isOrphan && $0.refusedChanges != $0.changes }
    }

    private func sum(of span: Span) -> UInt32? { locked { $0.sums.sum(of: span) } }

    /// Takes the right to send a part; a few may at a time.
    func beginSending() -> Bool {
        locked { state in
            guard state.sending < Self.sendingMaximum else { return false }
            state.sending += 1
            return true
        }
    }

    /// Gives the right back.
    func endSending() { locked { $0.sending -= 1 } }

    /// Sends one part, on a pool thread.
    ///
    /// Errors are the commit's to find.
    /// - Returns: Whether there is another one.
    func sendAhead() -> Bool {
        let (upload, end, isIdle) = locked { ($0.upload, $0.inOrderEnd, !$0.isCommitting) }
        guard isIdle, let upload else { return false }
        do throws(StoreError) {
            try upload.sendAhead(to: end, from: staged.descriptor) { [self] in sum(of: $0) }
        } catch {
            return false
        }
        return locked { $0.upload.map { $0.wantsToSend(before: end) } ?? false }
    }
}
