import Glibc
import Metadata
import Pages
import Threading

/// The changes of one open file, from the first one on: where its bytes lie, and how they get into the store.
///
/// States in `docs/writing.md`. Shared by all handles of the file. Any thread may call it. With `mayWait`
/// false a call never waits for a commit or for room, and throws ``FileSystemError/wouldWait`` instead; the
/// local disk is not waited for as such.
final class Writer: Sendable {
    /// A commit that has begun: what it takes.
    struct Job {
        let upload: any ContentUpload
        let contents: StagedContents
        let condition: ChangeCondition
        /// Whether the file has never been in the store.
        let isNew: Bool
    }

    struct State {
        var extents: Extents
        /// Where bytes that are not staged are read from; nil if all are.
        var base: OpenVersion?
        /// The version that the last commit made, or that was there before.
        var version: FileVersion?
        /// The version of another file whose bytes are kept until the next commit.
        var source: FileVersion?
        var condition: ChangeCondition
        /// What the store has under the name of a file that was never committed: it was renamed over that.
        var replaced: Attributes?
        var upload: (any ContentUpload)?
        /// Of what is staged.
        var sums = StagedSums()
        /// Bytes before it were written in order, so that they may be sent ahead.
        var inOrderEnd: Int64 = 0
        var isCommitting = false
        /// Parts that are being sent ahead.
        var sending = 0
        /// Somebody else replaced the file: every commit says so.
        var lost: FileSystemError?
        /// How many changes there were so far.
        var changes: UInt64 = 0
        /// As many of them a close has failed with; nil if none has.
        var refusedChanges: UInt64?
        /// It has no name any more, so nothing is ever committed.
        var isOrphan = false
        /// The log says that the store has everything.
        var isNotedClean = false
    }

    let staged: StagedFile
    let lock = Lock()
    let idle = Condition()
    // Safety: read and written only while `lock` is held.
    nonisolated(unsafe) var state: State

    /// Begins to change a file.
    /// - Parameters:
    ///   - staged: Where changes go.
    ///   - base: What is there; nil for a file that begins empty.
    ///   - version: Its version, or that of what it replaces; nil for a new name.
    ///   - condition: What the first commit wants to find under the name.
    init(
        staged: StagedFile,
        base: OpenVersion?,
        version: FileVersion?,
        condition: ChangeCondition
    ) {
        self.staged = staged
        state = State(
            extents: Extents(base: base?.size),
            base: base,
            version: version,
            condition: condition
        )
    }

    /// From how many bytes on a new file is sent while it is written.
    private static let sendsFrom: Int64 = 16 << 20
    /// The most parts of one file that are sent ahead at a time.
    static let sendingMaximum = 6
    /// How long a change waits for a commit under way.
    private static let commitDeadline = Duration.seconds(300)

    /// Length in bytes.
    var size: Int64 { locked { $0.extents.size } }
    /// Whether there is something to commit.
    var isDirty: Bool { locked { $0.extents.isDirty && !$0.isOrphan } }
    /// Whether it differs from the last commit, with a name or without.
    var hasChanges: Bool { locked { $0.extents.isDirty } }
    /// Whether the store has never had the file.
    var isPending: Bool { locked { $0.version == nil } }
    /// What the store still has under the name of a file that it does not have; goes with the name.
    var replaced: Attributes? { locked { $0.version == nil ? $0.replaced : nil } }
    /// The file whose bytes the next commit has the store copy; nil if there is none.
    var copiedFrom: UFSURI? { locked { $0.source?.uri } }
    /// The bytes that are staged.
    var stagedSpans: [Span] { locked { $0.extents.stagedSpans } }

    // MARK: Changes

    /// Writes bytes.
    /// - Parameters:
    ///   - bytes: What to write.
    ///   - offset: Where, in bytes; not negative.
    ///   - mayWait: Whether to wait for a commit under way, or for room.
    ///   - upload: Makes the way into the store once enough was written in order; nil: not now.
    /// - Returns: Whether a part may be sent ahead now: then ``sendAhead()`` should be called on the pool.
    /// - Throws: ``FileSystemError/noSpace(_:)``, ``FileSystemError/tooLarge``, or another
    ///   ``FileSystemError``.
    func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int64,
        mayWait: Bool,
        _ upload: () -> (any ContentUpload)?
    ) throws(FileSystemError) -> Bool {
        let span = Span(offset: offset, count: bytes.count)
        return try change(mayWait: mayWait) { state throws(FileSystemError) in
            try reserve(for: span, state.extents, mayWait: mayWait)
            do throws(FileSystemError) {
                try staged.write(bytes, at: offset)
            } catch {
                // Some of the bytes may be there.
                state.sums.forget(span)
                state.upload?.touched(span)
                throw error
            }
            state.sums.wrote(bytes, at: offset)
            if offset <= state.inOrderEnd, span.end > state.inOrderEnd { state.inOrderEnd = span.end }
            let before = state.extents.size
            state.extents.wrote(span)
            if state.upload == nil, state.base == nil, state.inOrderEnd >= Self.sendsFrom, !state.isOrphan {
                state.upload = upload()
            }
            state.upload?.touched(Span(from: min(before, offset), to: span.end))
            return state.upload?.wantsToSend(before: state.inOrderEnd) ?? false
        }
    }

    /// Cuts the file, or appends zeros.
    func resize(to size: Int64, mayWait: Bool) throws(FileSystemError) {
        try change(mayWait: mayWait) { state throws(FileSystemError) in
            let before = state.extents.size
            guard size != before else { return }
            if size < before {
                let staged = state.extents.stagedBytes
                try self.staged.erase(Span(from: size, to: before))
                state.extents.resize(to: size)
                self.staged.giveBack(staged - state.extents.stagedBytes)
                state.sums.forget(Span(from: size, to: before))
                state.inOrderEnd = min(state.inOrderEnd, size)
            } else {
                try reserve(for: Span(from: before, to: size), state.extents, mayWait: mayWait, isHole: true)
                try staged.extend(to: size)
                state.extents.resize(to: size)
            }
            state.upload?.touched(Span(from: min(size, before), to: max(size, before)))
        }
    }

    /// Makes bytes zeros.
    /// - Parameters:
    ///   - span: Inside of the file.
    ///   - mayWait: Whether to wait for a commit under way.
    /// - Throws: ``FileSystemError``.
    func erase(_ span: Span, mayWait: Bool) throws(FileSystemError) {
        guard !span.isEmpty else { return }
        try change(mayWait: mayWait) { state throws(FileSystemError) in
            try reserve(for: span, state.extents, mayWait: mayWait, isHole: true)
            try staged.extend(to: span.end)
            try staged.erase(span)
            state.sums.forget(span)
            state.extents.wrote(span)
            state.upload?.touched(span)
        }
    }

    // MARK: Reading

    /// Where the bytes of a span lie now.
    /// - Parameter span: Cut at the end of the file.
    /// - Returns: The pieces in order, and what the others lie in.
    func pieces(of span: Span) -> (pieces: [Extents.Piece], base: OpenVersion?) {
        locked { state in (state.extents.pieces(of: span.clamped(to: state.extents.size)), state.base) }
    }

    // MARK: Locking

    func locked<Result>(_ body: (inout State) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&state)
    }

    private func change<Result>(
        mayWait: Bool,
        _ body: (inout State) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        lock.lock()
        defer { lock.unlock() }
        try awaitIdle(mayWait: mayWait)
        if state.isNotedClean {
            try staged.noted(.dirty)
            state.isNotedClean = false
        }
        state.changes += 1
        return try body(&state)
    }

    /// Waits, under the lock, until no commit reads the staging file.
    func awaitIdle(mayWait: Bool) throws(FileSystemError) {
        guard state.isCommitting else { return }
        guard mayWait else { throw .wouldWait }
        let deadline = MonotonicInstant.now + Self.commitDeadline
        while state.isCommitting {
            guard idle.wait(lock, until: deadline) else {
                throw .inputOutput("a commit of the same file has not ended for \(Self.commitDeadline)")
            }
        }
    }

    private func reserve(
        for span: Span,
        _ extents: Extents,
        mayWait: Bool,
        isHole: Bool = false
    ) throws(FileSystemError) {
        guard span.end <= Self.sizeMaximum else { throw .tooLarge }
        guard !isHole else { return }
        let present = extents.pieces(of: span.clamped(to: extents.size)).reduce(0) {
            $0 + ($1.isStaged ? $1.span.count : 0)
        }
        guard try staged.reserve(Int64(span.count - present), mayWait: mayWait) else { throw .wouldWait }
    }

    /// What S3 can hold: 5 TiB.
    private static let sizeMaximum: Int64 = 5 << 40
}
