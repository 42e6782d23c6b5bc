import HTTPTransport
import Logging
import Metadata
import Pages
import Synchronization
import TestServers
import Testing

@testable import ObjectStore

/// A real store that counts what is asked of it, and that can die: from some call on everything fails, as
/// for a process that was killed.
final class WatchedObjects: ObjectChanges {
    private struct State {
        var calls: [String] = []
        var left: Int?
        var failing: (call: Int, isDone: Bool)?
        var atDeath: (@Sendable () -> Void)?
        var conditions: HonouredConditions?
    }

    let store: S3Store
    private let state = Mutex(State())

    init(_ store: S3Store) { self.store = store }

    /// Every request so far; one of many keys is one for each thousand.
    var calls: [String] { state.withLock { $0.calls } }

    func forget() { state.withLock { $0.calls = [] } }

    /// Lets so many more calls through; `act` is called once, when the first is refused.
    func die(after count: Int, _ act: @escaping @Sendable () -> Void = {}) {
        state.withLock { state in
            state.left = count
            state.atDeath = act
        }
    }

    /// Lets all calls through again.
    func revive() { state.withLock { $0.left = nil } }

    /// Lets one call fail, and no other: as when the store does not answer for a while.
    /// - Parameters:
    ///   - number: Which one; 0 is the next.
    ///   - isDone: Whether it is carried out, and only its answer is lost.
    func fail(_ number: Int, isDone: Bool) { state.withLock { $0.failing = (number, isDone) } }

    /// Whether the call that is to fail has not come yet.
    var isToFail: Bool { state.withLock { $0.failing != nil } }

    func pretend(_ conditions: HonouredConditions) { state.withLock { $0.conditions = conditions } }

    /// Counts a call.
    /// - Returns: Whether its answer is to be lost.
    @discardableResult
    private func count(_ call: String, _ path: RelativePath) throws(StoreError) -> Bool {
        if let isDone = failing() {
            guard isDone else { throw .unavailable("the store does not answer") }
            return true
        }
        let isDead = state.withLock { state -> Bool in
            if state.left == 0 {
                state.atDeath?()
                state.atDeath = nil
                return true
            }
            if let left = state.left { state.left = left - 1 }
            state.calls.append("\(call) \(path)")
            return false
        }
        if isDead { throw .unavailable("the process is dead") }
        return false
    }

    /// Whether this call is the one that fails, and if so, whether it is carried out.
    private func failing() -> Bool? {
        state.withLock { state in
            guard let failing = state.failing else { return nil }
            state.failing = failing.call == 0 ? nil : (failing.call - 1, failing.isDone)
            return failing.call == 0 ? failing.isDone : nil
        }
    }

    /// Carries a change out, and forgets to answer if that is wanted.
    private func answer<Answer>(
        _ isLost: Bool,
        _ change: () throws(StoreError) -> Answer
    ) throws(StoreError) -> Answer {
        let answer = try change()
        if isLost { throw .unavailable("the answer is lost") }
        return answer
    }

    func uri(of path: RelativePath) -> UFSURI { store.uri(of: path) }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try count("HEAD", path)
        return try store.attributes(of: path, known: known)
    }

    func list(_ directory: RelativePath, from token: ListingToken?, into sink: EntrySink) throws(StoreError)
        -> ListingPage
    {
        try count("LIST", directory)
        return try store.list(directory, from: token, into: sink)
    }

    func list(_ directory: RelativePath, after name: [UInt8], entriesMaximum: Int?, into sink: EntrySink)
        throws(StoreError) -> ListingPage
    {
        try count("LIST", directory)
        return try store.list(directory, after: name, entriesMaximum: entriesMaximum, into: sink)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { try store.linkTarget(of: path) }

    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        try count("GET", RelativePath(""))
        try store.fetch(span, of: version, into: sink)
    }

    func conditions() -> HonouredConditions {
        state.withLock { $0.conditions } ?? store.conditions()
    }

    func honours(_ group: S3ConditionGroup) -> Bool {
        guard let pretended = state.withLock({ $0.conditions }) else { return store.honours(group) }
        return switch group {
        case .put: pretended.put
        case .complete: pretended.complete
        case .copy: pretended.copy
        case .copySource: pretended.copySource
        case .delete: pretended.delete
        }
    }

    func put(
        _ bytes: [UInt8],
        at path: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]
    ) throws(StoreError) -> Attributes {
        try answer(count("PUT", path)) { () throws(StoreError) in
            try store.put(bytes, at: path, if: condition, metadata: metadata)
        }
    }

    func read(_ path: RelativePath, limit: Int) throws(StoreError) -> (bytes: [UInt8], attributes: Attributes)
    {
        try count("GET", path)
        return try store.read(path, limit: limit)
    }

    func copy(
        _ path: RelativePath,
        known: Attributes,
        to target: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]?
    ) throws(StoreError) -> Attributes {
        try answer(count("COPY", path)) { () throws(StoreError) in
            try store.copy(path, known: known, to: target, if: condition, metadata: metadata)
        }
    }

    func delete(_ path: RelativePath, if condition: ChangeCondition) throws(StoreError) {
        try answer(count("DELETE", path)) { () throws(StoreError) in try store.delete(path, if: condition) }
    }

    func delete(_ paths: [RelativePath]) throws(StoreError) {
        for start in stride(from: 0, to: paths.count, by: 1000) {
            try count("DELETES", paths[start])
            try store.delete(Array(paths[start..<min(start + 1000, paths.count)]))
        }
    }

    func putMarker(_ directory: RelativePath) throws(StoreError) -> Attributes {
        try count("MARKER", directory)
        return try store.putMarker(directory)
    }

    func deleteMarker(_ directory: RelativePath) throws(StoreError) {
        try count("DELETE", directory)
        try store.deleteMarker(directory)
    }

    func hasKeys(below directory: RelativePath, except: [RelativePath]) throws(StoreError) -> Bool {
        try count("KEYS", directory)
        return try store.hasKeys(below: directory, except: except)
    }

    func upload(
        to path: RelativePath,
        metadata: @escaping @Sendable (POSIXAttributes?) -> [(name: String, value: String)]
    ) -> any ContentUpload {
        store.upload(to: path, metadata: metadata)
    }

    func abortUploads(begunBefore moment: Int64) throws(StoreError) -> Int {
        try store.abortUploads(begunBefore: moment)
    }
}

/// A clock that goes when it is told to.
final class HandClock: Sendable {
    private let time = Atomic<Int64>(1_000_000_000_000)

    var now: Int64 { time.load(ordering: .relaxed) }

    func advance(seconds: Int64) { time.add(seconds * 1_000_000_000, ordering: .relaxed) }
}

/// A prefix of its own, and mounts of it.
final class AttributedBucket: Sendable {
    let bucket: String
    let upload: S3Upload
    let clock = HandClock()
    private let weed: WeedServer
    private let transport = HTTPTransport()

    /// All of them lie in one bucket, since the server keeps volumes for each.
    private static let shared = Result { try WeedServer.shared().freshBucket("attributed") }
    private static let serial = Atomic(0)
    private let prefix: String

    init(_ label: String) throws {
        weed = try WeedServer.shared()
        (bucket, upload) = try Self.shared.get()
        prefix = "\(label)-\(Self.serial.add(1, ordering: .relaxed).newValue)/here"
    }

    func objects() throws -> WatchedObjects {
        let options = weed.options(bucket, prefix: prefix)
        return WatchedObjects(
            try S3Store(options: options, transport: transport, credentials: weed.credentials())
        )
    }

    /// A mount; without a journal unless a directory is given.
    func mount(
        _ objects: WatchedObjects,
        journal: String? = nil,
        _ change: (inout AttributedStoreOptions) -> Void = { _ in }
    ) throws -> AttributedStore {
        var options = AttributedStoreOptions()
        options.journalDirectory = journal
        options.mountTime = 99
        change(&options)
        return try AttributedStore(
            next: objects,
            objects: objects,
            options: options,
            logger: Logger(label: "test"),
            clock: { [clock] in clock.now }
        )
    }

    /// Stores an object as another tool does.
    func put(_ text: String, _ key: String) throws {
        try upload.put(Array(text.utf8), to: Array("\(prefix)/\(key)".utf8))
    }
}

extension AttributedStore {
    /// What a directory shows, all of its pages.
    func shown(_ directory: String = "") throws -> [String: Attributes] {
        var found: [String: Attributes] = [:]
        var token: ListingToken?
        repeat {
            token = try list(RelativePath(directory), from: token) { name, attributes in
                let text = String(decoding: name, as: UTF8.self)
                #expect(found.updateValue(attributes, forKey: text) == nil, "\(text) comes twice")
            }.next
        } while token != nil
        return found
    }

    func stat(_ path: String) throws -> Attributes { try attributes(of: RelativePath(path), known: nil) }

    /// Reads an object by the address that its name leads to.
    func text(_ path: String) throws -> String {
        let found = try stat(path)
        guard let etag = found.etag, found.size > 0 else { return "" }
        let version = FileVersion(uri: uri(of: RelativePath(path)), etag: etag, size: found.size)
        var bytes: [UInt8] = []
        try fetch(Span(offset: 0, count: Int(found.size)), of: version) { bytes += Array($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    func chmod(_ path: String, _ bits: UInt32) throws {
        var change = AttributeChange(changed: 5)
        change.permissions = bits
        _ = try self.change(RelativePath(path), change, known: stat(path))
    }

    func move(_ path: String, _ target: String, _ mode: RenameMode = .replace) throws {
        let old = try? stat(target)
        _ = try rename(
            RelativePath(path),
            to: RelativePath(target),
            mode,
            known: (stat(path), old),
            siblings: .unknown
        )
    }

    func unlink(_ path: String, _ siblings: Siblings = .unknown) throws {
        try remove(RelativePath(path), known: stat(path), siblings: siblings)
    }

    func hardlink(_ path: String, _ target: String) throws -> Attributes {
        try link(RelativePath(path), to: RelativePath(target), known: stat(path), time: 77)
    }

    func mkdir(_ path: String, _ mode: UInt32 = 0o755) throws {
        _ = try make(RelativePath(path), NewEntry(mode: 0o040000 | mode, uid: 0, gid: 0, time: 5))
    }

    func symlink(_ target: String, _ path: String) throws {
        let entry = NewEntry(mode: 0o120777, uid: 0, gid: 0, target: Array(target.utf8), time: 12_345)
        _ = try make(RelativePath(path), entry)
    }
}
