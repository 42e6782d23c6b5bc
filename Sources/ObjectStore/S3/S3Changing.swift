import CoreMetrics
import HTTPTransport
import Logging
import Metadata
import Pages
import Synchronization

/// What a store knows and has that only changes need.
///
/// Any thread may use it.
final class S3Changing: Sendable {
    /// What bodies are checked with; MD5 once an answer has shown that the server does not know CRC-32C.
    let checksum = Mutex(S3Checksum.crc32c)
    /// What is known of conditions; held while a thread asks, so that nobody asks twice.
    let conditions = Mutex(S3KnownConditions())
    /// Uploads of this process that are under way, so that they are not taken for orphans.
    let openUploads = Mutex<Set<String>>([])
    /// Whether DeleteObjects works.
    let hasBulkDelete = Atomic(true)
    /// Threads that send parts, and delete, beside the caller's own.
    let uploaders: CompanionPool
    let schedule: PartSchedule

    init(_ options: S3Options) {
        uploaders = CompanionPool(maximum: options.uploadThreadsMaximum)
        schedule = PartSchedule(base: options.partBytes)
    }

    /// Runs a closure for each index, on the caller's thread and on those of the pool that are free.
    /// - Parameters:
    ///   - count: How many indices.
    ///   - body: Gets an index below `count`; returns whether it makes sense to go on. Must not use the pool.
    func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Bool) {
        let turn = Turn()
        let work: @Sendable () -> Void = {
            while true {
                let index = turn.next.add(1, ordering: .relaxed).oldValue
                guard index < count, body(index) else {
                    turn.next.store(count, ordering: .relaxed)
                    return
                }
            }
        }
        var jobs: [CompanionPool.Job] = []
        while jobs.count + 1 < count, let job = uploaders.start(work) { jobs.append(job) }
        work()
        for job in jobs { job.wait() }
    }

    private final class Turn: Sendable {
        let next = Atomic(0)
    }
}

/// Why a change failed, with what decides whether it may have been made all the same.
struct S3ChangeFailure: Error {
    var error: StoreError
    /// What the server said last; nil if it said nothing.
    var answer: S3Answer?
    /// Whether an attempt ended without an answer, so that the server may have done what it was asked.
    var mayHaveHappened = false

    init(_ error: StoreError) { self.error = error }

    init(_ givenUp: S3Client.GivenUp, mayHaveHappened: Bool) {
        error = givenUp.error
        self.mayHaveHappened = mayHaveHappened
        if case .refused(let answer) = givenUp.failure { self.answer = answer }
    }
}

extension S3Failure {
    /// Whether the server may have done what the failed attempt asked for.
    var mayHaveHappened: Bool {
        switch self {
        case .transport(.cannotConnect), .transport(.untrusted), .transport(.invalid): false
        case .transport, .malformed: true
        case .refused(let answer): [500, 502, 503, 504].contains(answer.status) || answer.wasRepeated
        case .credentials, .final: false
        }
    }
}

/// How much longer than other requests those may take that move many bytes.
enum S3Pace {
    /// The slowest line that a body still gets through on, in bytes a second.
    static let sentBytesPerSecond: Int64 = 256 << 10
    /// The slowest that a store copies, in bytes a second.
    static let copiedBytesPerSecond: Int64 = 8 << 20

    static func time(sending bytes: Int64) -> Duration { .seconds(bytes / sentBytesPerSecond) }
    static func time(copying bytes: Int64) -> Duration { .seconds(bytes / copiedBytesPerSecond) }
}

extension S3Client {
    /// The longest document that is taken for an answer to a change, in bytes.
    static let documentMaximumBytes = 16 << 20

    /// Sends one request once, and collects the answer.
    func exchange(
        _ request: S3Request,
        timeout: Duration
    ) throws(S3Failure) -> (head: HTTPResponseHead, body: [UInt8]) {
        var body: [UInt8] = []
        let head = try send(request, timeout: timeout) { bytes throws(S3Failure) in
            guard body.count + bytes.count <= Self.documentMaximumBytes else {
                throw .malformed("the answer has more than \(Self.documentMaximumBytes) bytes")
            }
            body.append(contentsOf: bytes)
        }
        return (head, body)
    }
}

extension S3Store {
    /// The longest key, in bytes of UTF-8.
    static let keyMaximumBytes = 1024

    /// The key of a path that is to be made, with a slash behind it for a marker; checks its length.
    func newKey(of path: RelativePath, isMarker: Bool = false) throws(StoreError) -> [UInt8] {
        let key = isMarker ? keyPrefix(of: path) : key(of: path)
        guard key.count <= Self.keyMaximumBytes else {
            throw .nameTooLong(
                "\(objectText(key)): the key has \(key.count) bytes, S3 takes \(Self.keyMaximumBytes)"
            )
        }
        return key
    }

    /// Sends a request that changes something, again where that helps.
    ///
    /// It may take `extra` longer than usual; `isWanted` is asked before each attempt, and `read` makes
    /// something of a good answer.
    func change<Result>(
        _ request: S3Request,
        object: String,
        extra: Duration = .zero,
        limits: S3RetryLimits? = nil,
        isWanted: () -> Bool = { true },
        _ read: (HTTPResponseHead, [UInt8]) throws(S3Failure) -> Result
    ) throws(S3ChangeFailure) -> Result {
        var limits = limits ?? options.retries
        limits.totalDeadline += extra
        var mayHaveHappened = false
        do throws(S3Client.GivenUp) {
            return try client.retrying(request.operation, object: object, limits: limits) {
                attempt throws(S3Failure) in
                guard isWanted() else { throw .final(.cancelled) }
                do throws(S3Failure) {
                    let (head, body) = try client.exchange(request, timeout: attempt.timeout)
                    return try read(head, body)
                } catch {
                    mayHaveHappened = mayHaveHappened || error.mayHaveHappened
                    throw error
                }
            }
        } catch {
            throw S3ChangeFailure(error, mayHaveHappened: mayHaveHappened)
        }
    }

    /// Sends an object's bytes, or a part of them, with a checksum that the server verifies.
    ///
    /// `isWanted` is asked before each attempt. Gives the head of the answer.
    func send(
        _ request: S3Request,
        _ content: S3Body,
        _ checksum: S3Checksum,
        object: String,
        limits: S3RetryLimits? = nil,
        isWanted: () -> Bool = { true }
    ) throws(S3ChangeFailure) -> HTTPResponseHead {
        var request = request
        request.content = content
        guard let field = checksum.field(of: content) else {
            throw S3ChangeFailure(.unavailable("\(object): what is staged for it cannot be read"))
        }
        request.fields.append(field)
        let extra = S3Pace.time(sending: content.count)
        return try change(request, object: object, extra: extra, limits: limits, isWanted: isWanted) {
            head,
            _ in
            head
        }
    }

    /// The fields that every new object gets.
    func objectFields(_ metadata: [(name: String, value: String)]) -> [(name: String, value: String)] {
        var fields = metadata.map { (name: "x-amz-meta-\($0.name)", value: $0.value) }
        if let storageClass = options.storageClass { fields.append(("x-amz-storage-class", storageClass)) }
        if let acl = options.cannedACL { fields.append(("x-amz-acl", acl)) }
        if let tags = options.tags { fields.append(("x-amz-tagging", tags)) }
        switch options.encryption {
        case .none: break
        case .managed: fields.append(("x-amz-server-side-encryption", "AES256"))
        case .key(let key):
            fields.append(("x-amz-server-side-encryption", "aws:kms"))
            if !key.isEmpty { fields.append(("x-amz-server-side-encryption-aws-kms-key-id", key)) }
        }
        return fields
    }

    /// What became of an object, by the answer to the request that made it.
    func attributes(
        _ head: HTTPResponseHead,
        etag: [UInt8]?,
        modified: Int64? = nil,
        size: Int64,
        of key: [UInt8]
    ) throws(StoreError) -> Attributes {
        let tag = etag ?? head.bytes(of: "etag").map { Array($0) }
        let date = modified ?? head.bytes(of: "date").flatMap { CivilTime.parseHTTP($0) } ?? CivilTime.now()
        guard let tag, let etag = Self.etag(tag[...]) else {
            // A server that does not say which version it made is asked.
            guard let found = try file(key) else { throw .stale }
            return found
        }
        return Attributes(kind: .file, size: size, modified: date * 1_000_000_000, etag: etag)
    }
}

extension S3Request {
    /// Sets what must be true of the key, where the server looks at it.
    mutating func apply(_ condition: ChangeCondition, isHonoured: Bool) {
        guard isHonoured else { return }
        switch condition {
        case .always: break
        case .absent: mustBeAbsent = true
        case .version(let version): etag = version
        }
    }
}

extension ChangeCondition {
    var kind: S3Refusal.ChangedWhen {
        switch self {
        case .always: .none
        case .absent: .absent
        case .version: .version
        }
    }

    /// The error of a change whose condition may be why it was refused.
    func error(_ failure: S3ChangeFailure) -> StoreError {
        guard self != .always, let answer = failure.answer, S3Refusal.isCondition(answer, kind) else {
            return failure.error
        }
        return self == .absent ? .exists : .stale
    }
}
