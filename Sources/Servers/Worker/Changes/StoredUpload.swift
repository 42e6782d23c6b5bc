import Metadata
import NIOCore
import NIOHTTP1
import NIOPosix
import Pages
import Synchronization

/// A whole file that a client sends: on the local disk while it comes, in parts in the store meanwhile, under
/// its name when all of it is there.
///
/// Called as ``BodyIntake`` says. Whoever replaces the file while it comes wins, and the client gets a 412.
final class StoredUpload: BodyIntake {
    private struct Way: Sendable {
        let changes: StoreChanges
        let stage: UploadStage
        let upload: any ContentUpload
        let condition: ChangeCondition
    }

    private let worker: WorkerState
    private let location: FileLocation
    private let way = Mutex<Way?>(nil)
    /// How many threads send parts.
    private let sending = Mutex(0)

    /// Begins an upload; asks nothing yet.
    /// - Throws: A 403 if this worker changes nothing in the store.
    init(_ worker: WorkerState, to location: FileLocation) throws(HTTPFailure) {
        guard !location.path.isRoot else { throw StoreChanges.isMountPoint }
        _ = try StoreChanges(worker, of: location)
        self.worker = worker
        self.location = location
    }

    func take(_ bytes: ByteBuffer) throws(HTTPFailure) {
        let way = try begun()
        try way.stage.append(bytes)
        sendAhead(way)
    }

    /// Looks at the name once, and opens the stage.
    private func begun() throws(HTTPFailure) -> Way {
        if let known = way.withLock({ $0 }) { return known }
        let changes = try StoreChanges(worker, of: location)
        let there = try changes.attributes(of: location.path)
        if there?.kind == .directory { throw HTTPFailure(.isDirectory, location) }
        if there == nil { try changes.makeParents(of: location.path) }
        try changes.ask(location.path) { () throws(StoreError) in try changes.store.permit(location.path) }
        let made = Way(
            changes: changes,
            stage: try worker.staging.open(),
            upload: changes.store.upload(to: location.path),
            condition: there?.etag.map { .version($0) } ?? .absent
        )
        way.withLock { $0 = made }
        return made
    }

    /// Sends parts that are here whole, on other threads of the pool.
    private func sendAhead(_ way: Way) {
        guard way.upload.wantsToSend(before: way.stage.size) else { return }
        let isFree = sending.withLock { count in
            guard count < WorkerLimits.partsAtOnce else { return false }
            count += 1
            return true
        }
        guard isFree else { return }
        worker.pool.submit { [self] state in
            // The commit finds the errors.
            if state == .active {
                try? way.upload.sendAhead(to: way.stage.size, from: way.stage.descriptor) { _ in nil }
            }
            sending.withLock { $0 -= 1 }
        }
    }

    func finish() throws(HTTPFailure) -> Answer {
        let way = try begun()
        let size = way.stage.size
        let contents = StagedContents(base: nil, kept: [], size: size, staged: way.stage.descriptor) {
            _,
            _ throws(StoreError) in
            throw .corrupt("nothing is kept of another version")
        }
        let path = location.path
        let made = try way.changes.ask(path) { () throws(StoreError) in
            let isNew = way.condition == .absent
            let attributes = isNew ? StoreChanges.newFile : nil
            let made = try way.upload.commit(contents, if: way.condition, attributes: attributes)
            try way.changes.store.sync(path)
            return made
        }
        self.way.withLock { $0 = nil }
        way.changes.changed(path)
        guard let etag = made.etag else { return .changed(.created) }
        let version = FileVersion(uri: location.uri, etag: etag, size: size)
        if size > 0, worker.directory.owner(of: location.uri) == nil {
            worker.pages.adopt(
                version,
                from: way.stage.descriptor,
                spans: [Span(offset: 0, count: Int(size))]
            )
        }
        return .changed(.created, fields: worker.versionFields(etag, size: size, modified: made.modified))
    }

    func abandon() {
        let way = way.withLock { way in
            defer { way = nil }
            return way
        }
        way?.upload.abandon()
    }
}

extension Answer {
    /// The answer to a change that was made.
    static func changed(_ status: HTTPResponseStatus, fields: [(name: String, value: String)] = []) -> Answer
    {
        .json(
            .object([("mSuccess", .bool(true)), ("success", .bool(true)), ("mMessage", .string("done"))]),
            status,
            fields: fields
        )
    }
}
