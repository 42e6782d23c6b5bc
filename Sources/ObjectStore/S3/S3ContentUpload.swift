import Logging
import Metadata
import Pages
import Threading

/// New contents of one object on their way: one PutObject, or a multipart upload that is begun while the
/// file is still being written.
///
/// Belongs to one open file. After a commit, whether it went well or not, another one begins anew; but
/// nothing is sent ahead any more, because nobody might ever end it. Any thread may call it.
// Safety: every stored `var` is read and written with `lock` held.
final class S3ContentUpload: ContentUpload, @unchecked Sendable {
    typealias Metadata = [(name: String, value: String)]

    /// How long a commit waits for parts that were being sent ahead before it sends them itself.
    private static let drainMaximum = Duration.seconds(120)

    private let store: S3Store
    private let path: RelativePath
    private let metadata: @Sendable (POSIXAttributes?) -> Metadata

    private let lock = Lock()
    private let changed = Condition()
    private var ahead: AheadParts
    private var upload: S3Multipart?
    /// What the upload was begun with.
    private var begunWith: Metadata = []
    private var isBeginning = false
    /// A commit has begun, or all is given up.
    private var isClosed = false
    private var isAbandoned = false

    init(
        _ store: S3Store,
        to path: RelativePath,
        metadata: @escaping @Sendable (POSIXAttributes?) -> Metadata
    ) {
        self.store = store
        self.path = path
        self.metadata = metadata
        ahead = AheadParts(schedule: store.changing.schedule)
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    // MARK: While the file is written

    func wantsToSend(before end: Int64) -> Bool {
        locked { !isClosed && ahead.next(before: end) != nil }
    }

    func touched(_ span: Span) {
        locked { if !isClosed { ahead.touched(span) } }
    }

    func sendAhead(to end: Int64, from staged: Int32, sums: StagedContents.Sums) throws(StoreError) {
        guard let index = locked({ isClosed ? nil : ahead.begin(before: end) }) else { return }
        var part: S3Part?
        var target: S3Multipart?
        defer {
            locked {
                // A commit that did not wait so long has begun another one.
                ahead.end(index, target == self.upload ? part : nil)
                changed.broadcast()
            }
        }
        let span = store.changing.schedule.span(of: index)
        let content = S3Body(
            [.file(descriptor: staged, offset: span.offset, count: span.count)],
            crc32c: sums(span)
        )
        let upload = try begun { metadata(nil) }
        target = upload
        do throws(S3ChangeFailure) {
            part = try store.send(content, as: index + 1, of: upload) {
                locked { !isAbandoned && ahead.isWanted(index) }
            }
        } catch {
            // What was touched meanwhile is no loss.
            guard error.error == .cancelled else { throw error.error }
        }
    }

    /// The upload, which the first caller begins.
    private func begun(_ metadata: () -> Metadata) throws(StoreError) -> S3Multipart {
        lock.lock()
        // Whoever begins has a deadline.
        while isBeginning { _ = changed.wait(lock, until: .now + .seconds(1)) }
        if let upload {
            lock.unlock()
            return upload
        }
        isBeginning = true
        lock.unlock()
        var made: S3Multipart?
        let fields = metadata()
        defer {
            locked {
                isBeginning = false
                upload = made
                begunWith = fields
                changed.broadcast()
            }
        }
        let new = try store.begin(try store.newKey(of: path), metadata: fields)
        made = new
        return new
    }

    // MARK: The commit

    func commit(
        _ contents: StagedContents,
        if condition: ChangeCondition,
        attributes: POSIXAttributes?
    ) throws(StoreError) -> Attributes {
        locked { isClosed = true }
        defer {
            drain()
            discard()
        }
        let fields = metadata(attributes)
        do throws(StoreError) {
            return try attempt(contents, condition, fields)
        } catch {
            // The store has forgotten the upload: everything is sent again, once.
            guard error == .notFound else { throw error }
        }
        drain()
        discard()
        do throws(StoreError) {
            return try attempt(contents, condition, fields)
        } catch {
            guard error == .notFound else { throw error }
            throw .unavailable("\(store.uri(of: path)): the store has lost its upload twice; try again")
        }
    }

    func abandon() {
        locked {
            isClosed = true
            isAbandoned = true
        }
        drain()
        discard()
    }

    /// Waits for the parts that are being sent ahead.
    private func drain() {
        let deadline = MonotonicInstant.now + Self.drainMaximum
        lock.lock()
        defer { lock.unlock() }
        while ahead.sendingCount > 0 {
            if !changed.wait(lock, until: deadline), MonotonicInstant.now >= deadline { return }
        }
    }

    /// Takes back what was sent and not completed.
    private func discard() {
        let left = locked { () -> S3Multipart? in
            ahead = AheadParts(schedule: store.changing.schedule)
            defer { upload = nil }
            return upload
        }
        if let left { store.abort(left) }
    }

    private func attempt(
        _ contents: StagedContents,
        _ condition: ChangeCondition,
        _ fields: Metadata
    ) throws(StoreError) -> Attributes {
        let key = try store.newKey(of: path)
        let usable = awaitUsable(contents)
        let plan: PartPlan
        do throws(StoreError) {
            plan = try PartPlan(
                size: contents.size,
                kept: copyable(contents),
                sent: usable,
                schedule: store.changing.schedule
            )
        } catch {
            throw named(error)
        }
        if plan.isSingle {
            let content = try body(of: Span(offset: 0, count: Int(contents.size)), contents)
            return try store.put(content, key: key, if: condition, metadata: fields)
        }
        let upload = try begun { fields }
        let parts = try bring(plan, contents, upload)
        let made = try store.complete(upload, parts, if: condition, size: contents.size)
        let early = locked { () -> Metadata in
            self.upload = nil
            return begunWith
        }
        return described(made, fields, insteadOf: early)
    }

    /// The parts that need not be sent, counted from 0: what is on its way may still fail.
    private func awaitUsable(_ contents: StagedContents) -> Set<Int> {
        let schedule = store.changing.schedule
        func isUsable(_ index: Int) -> Bool {
            let span = schedule.span(of: index)
            return span.end <= contents.size
                && contents.kept.allSatisfy { $0.end <= span.offset || $0.offset >= span.end }
        }
        if let places = locked({ ahead.usable(where: isUsable) }) { return places }
        drain()
        return locked { ahead.usable(where: isUsable) } ?? []
    }

    /// What of the base the store can copy by itself.
    private func copyable(_ contents: StagedContents) -> [Span] {
        guard let base = contents.base, store.key(of: base.uri) != nil,
            contents.kept.contains(where: { $0.count >= PartSchedule.minimumBytes }),
            store.honours(.copySource)
        else { return [] }
        return contents.kept
    }

    /// Brings all parts into the store, several at a time.
    private func bring(
        _ plan: PartPlan,
        _ contents: StagedContents,
        _ upload: S3Multipart
    ) throws(StoreError) -> [S3Part] {
        let done = PartResults()
        bring(plan.parts.filter { $0.source != .sent }, contents, upload, done)
        drain()
        let sent = locked { ahead.sent }
        var failed: [PartPlan.Part] = []
        for part in plan.parts where part.source == .sent {
            if let there = sent[part.number - 1] {
                _ = done.keep { () throws(StoreError) in there }
            } else {
                failed.append(part)
            }
        }
        bring(failed, contents, upload, done)
        return try done.parts()
    }

    private func bring(
        _ parts: [PartPlan.Part],
        _ contents: StagedContents,
        _ upload: S3Multipart,
        _ done: PartResults
    ) {
        guard !parts.isEmpty else { return }
        store.changing.inParallel(parts.count) { [self] index in
            done.keep { () throws(StoreError) in try bring(parts[index], contents, upload) }
        }
    }

    private func bring(
        _ part: PartPlan.Part,
        _ contents: StagedContents,
        _ upload: S3Multipart
    ) throws(StoreError) -> S3Part {
        if part.source == .copy, let base = contents.base, let source = store.key(of: base.uri) {
            return try store.copy(
                part.span,
                of: source,
                base.etag,
                isWhole: part.span.count == base.size,
                as: part.number,
                of: upload
            )
        }
        let content = try body(of: part.span, contents)
        do throws(S3ChangeFailure) {
            return try store.send(content, as: part.number, of: upload)
        } catch {
            throw error.error
        }
    }

    /// The bytes of a span: staged ones stay in their file, kept ones are read into memory, which are less
    /// than a part.
    private func body(of span: Span, _ contents: StagedContents) throws(StoreError) -> S3Body {
        var pieces: [S3Body.Piece] = []
        var place = span.offset
        if let sum = contents.sums(span) { return S3Body([staged(span, contents)], crc32c: sum) }
        for kept in contents.kept where kept.end > span.offset && kept.offset < span.end {
            let range = Span(from: max(kept.offset, span.offset), to: min(kept.end, span.end))
            guard !range.isEmpty else { continue }
            pieces.append(staged(Span(from: place, to: range.offset), contents))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(range.count)
            try contents.readBase(range) { (piece) throws(StoreError) in bytes.append(contentsOf: piece) }
            guard bytes.count == range.count else {
                throw .corrupt(
                    "\(store.uri(of: path)): \(bytes.count) of \(range.count) bytes of the old version came"
                )
            }
            pieces.append(.memory(bytes))
            place = range.end
        }
        pieces.append(staged(Span(from: place, to: span.end), contents))
        return S3Body(pieces)
    }

    private func staged(_ span: Span, _ contents: StagedContents) -> S3Body.Piece {
        .file(descriptor: contents.staged, offset: span.offset, count: span.count)
    }

    /// Corrects the metadata of an upload that was begun before it was known.
    ///
    /// Times alone are not worth a copy: the attribute objects have them.
    private func described(
        _ made: Attributes,
        _ wanted: Metadata,
        insteadOf early: Metadata
    ) -> Attributes {
        func lasting(_ fields: Metadata) -> [String: String] {
            Dictionary(fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }).filter {
                $0.key != "mtime"
            }
        }
        guard lasting(wanted) != lasting(early), made.size <= S3Store.copyMaximumBytes, let etag = made.etag
        else { return made }
        do throws(StoreError) {
            return try store.copy(path, known: made, to: path, if: .version(etag), metadata: wanted)
        } catch {
            store.client.logger.warning(
                "an object has its data, but not its metadata",
                metadata: ["object": "\(store.uri(of: path))", "why": "\(error)"]
            )
            return made
        }
    }

    private func named(_ error: StoreError) -> StoreError {
        guard case .tooLarge(let text) = error else { return error }
        return .tooLarge("\(store.uri(of: path)): \(text)")
    }
}
