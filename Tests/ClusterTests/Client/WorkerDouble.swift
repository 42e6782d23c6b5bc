import Glibc
import HTTPTransport
import Pages
import SeededRandom
import Synchronization
import TestServers

@testable import Cluster

/// A file and its bytes, which follow from name and version.
struct TestFile: Sendable {
    let version: FileVersion
    let bytes: [UInt8]

    init(_ name: String, size: Int, etag: String = "0123456789abcdef0123456789abcdef") {
        version = FileVersion(uri: UFSURI("s3://bucket/\(name)"), etag: ETag(etag), size: Int64(size))
        let seed = (name + etag).utf8.reduce(UInt64(1)) { $0 &* 31 &+ UInt64($1) }
        var generator = SeededGenerator(seed: seed)
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var index = 0
            while index + 8 <= size {
                UnsafeMutableRawBufferPointer(buffer).storeBytes(
                    of: generator.next(),
                    toByteOffset: index,
                    as: UInt64.self
                )
                index += 8
            }
            while index < size {
                buffer[index] = UInt8.random(in: 0 ... .max, using: &generator)
                index += 1
            }
            count = size
        }
    }

    /// The whole file.
    var span: Span { Span(offset: 0, count: bytes.count) }

    /// The bytes of a span.
    subscript(span: Span) -> [UInt8] { Array(bytes[Int(span.offset)..<Int(span.end)]) }
}

/// What a request was, as far as tests look at it.
struct SeenRequest: Sendable {
    let path: String
    let query: [String: String]
    /// The body as text.
    let body: String
    private let text: String

    init(_ text: String, body: [UInt8] = []) {
        self.text = text
        self.body = String(decoding: body, as: UTF8.self)
        let target = text.split(separator: " ").dropFirst().first ?? ""
        let parts = target.split(separator: "?", maxSplits: 1)
        path = parts.first.map { String($0) } ?? ""
        var query: [String: String] = [:]
        for parameter in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            let value = PercentCoding.lenientlyDecoded(Array((pair.dropFirst().first ?? "").utf8)[...])
            query[String(pair[0])] = String(decoding: value, as: UTF8.self)
        }
        self.query = query
    }

    /// A header field by its name in lower case.
    func field(_ name: String) -> String? {
        for line in text.split(separator: "\r\n") where line.lowercased().hasPrefix(name + ":") {
            return String(line.dropFirst(name.utf8.count + 2))
        }
        return nil
    }

    /// `/v1/range/…` and the like by their name.
    var endpoint: String { String(path.split(separator: "/").dropFirst().first ?? "health") }
    var offset: Int { Int(query["offset"] ?? "") ?? 0 }
    var length: Int { Int(query["length"] ?? "") ?? -1 }
}

/// A worker of ours in the words of `docs/protocol.md`, which can also behave badly.
final class WorkerDouble: Sendable {
    /// How it behaves.
    enum Mood: Sendable {
        case well
        /// Takes requests and says nothing, like a stopped process.
        case stopped
        /// Lives, and takes this many milliseconds before it answers anything but `/health`.
        case busy(Int)
        /// Takes this many milliseconds before it answers anything.
        case slow(Int)
        case status(Int)
        /// Announces and sends one byte less.
        case short
        /// Announces the right length, and closes after so many bytes.
        case cut(Int)
        /// Announces the right length, sends so many bytes, and lives on without another one.
        case stuck(Int)
        /// Has another version, and says so.
        case replaced
        /// Gives the bytes of another version, under its ETag.
        case otherETag
        /// Is another program by now.
        case foreign
    }

    private struct State: Sendable {
        var mood = Mood.well
        var requests: [SeenRequest] = []
        var server: RawServer?
    }

    let identity: WorkerIdentity
    private let files: [String: TestFile]
    private let documents: [String: @Sendable (SeenRequest) -> (Int, String)]
    private let state = Mutex(State())
    private let knownPort: Mutex<Int>

    /// Starts a worker.
    /// - Parameters:
    ///   - name: What its identity is made of.
    ///   - files: What it has.
    ///   - documents: What it answers on further endpoints.
    /// - Throws: What the system refuses.
    init(
        _ name: String,
        _ files: [TestFile] = [],
        documents: [String: @Sendable (SeenRequest) -> (Int, String)] = [:]
    ) throws {
        identity = WorkerIdentity(hostName: name)
        self.files = Dictionary(uniqueKeysWithValues: files.map { ($0.version.uri.description, $0) })
        self.documents = documents
        knownPort = Mutex(0)
        let server = try RawServer.answering { [weak self] _, text, connection in
            let request = SeenRequest(text, body: connection.readBody(of: text))
            return self?.answer(request, connection) ?? false
        }
        knownPort.withLock { $0 = server.port }
        state.withLock { $0.server = server }
    }

    var mood: Mood {
        get { state.withLock { $0.mood } }
        set { state.withLock { $0.mood = newValue } }
    }

    /// The requests that came, health left out.
    var requests: [SeenRequest] {
        state.withLock { $0.requests.filter { $0.endpoint != "health" } }
    }

    /// How often it was asked whether it lives.
    var healthCount: Int { state.withLock { $0.requests.count { $0.endpoint == "health" } } }

    /// Ends it as kill -9 does: nobody listens any more, and open connections end at their next request.
    func kill() { state.withLock { $0.server = nil } }

    var candidate: WorkerCandidate {
        WorkerCandidate(identity: identity, host: "127.0.0.1", httpPort: knownPort.withLock { $0 })
    }

    private static let ownFields = ["X-Alluxio-Worker: test"]

    private func answer(_ request: SeenRequest, _ connection: RawServer.Connection) -> Bool {
        state.withLock { $0.requests.append(request) }
        let mood = mood
        switch mood {
        case .stopped:
            connection.wait(seconds: 30)
            return false
        case .slow(let milliseconds): usleep(UInt32(milliseconds) * 1000)
        case .busy(let milliseconds) where request.endpoint != "health":
            usleep(UInt32(milliseconds) * 1000)
        default: break
        }
        if request.endpoint == "health" {
            let isForeign = if case .foreign = mood { true } else { false }
            connection.respond(200, isForeign ? [] : Self.ownFields, Array("worker is active".utf8))
            return true
        }
        if case .status(let status) = mood {
            connection.respond(status, Self.ownFields, Array("{\"message\":\"no\"}".utf8))
            return true
        }
        if case .foreign = mood { return false }
        if let document = documents[request.endpoint] {
            let (status, text) = document(request)
            connection.respond(status, Self.ownFields, Array(text.utf8))
            return true
        }
        return range(request, mood, connection)
    }

    private func range(_ request: SeenRequest, _ mood: Mood, _ connection: RawServer.Connection) -> Bool {
        guard request.endpoint == "range", let file = files[request.query["ufsFullPath"] ?? ""] else {
            connection.respond(404, Self.ownFields)
            return true
        }
        let etag = file.version.etag.text
        var fields = Self.ownFields + ["ETag: \"\(etag)\"", "X-Alluxio-Size: \(file.bytes.count)"]
        let isOther = request.field("if-match") != "\"\(etag)\""
        if case .replaced = mood {
            connection.respond(412, Self.ownFields + ["ETag: \"new\"", "X-Alluxio-Size: 1"])
            return true
        }
        if isOther {
            connection.respond(412, fields)
            return true
        }
        let body = Array(file.bytes[request.offset..<(request.offset + request.length)])
        switch mood {
        case .short: connection.respond(200, fields, body.dropLast())
        case .cut(let count), .stuck(let count):
            fields.insert("HTTP/1.1 200 OK", at: 0)
            fields += ["Content-Length: \(body.count)", "", ""]
            connection.send(Array(fields.joined(separator: "\r\n").utf8) + body.prefix(count))
            if case .stuck = mood { connection.wait(seconds: 30) }
            return count >= body.count
        case .otherETag:
            fields[1] = "ETag: \"new\""
            connection.respond(200, fields, body)
        default: connection.respond(200, fields, body)
        }
        return true
    }
}

/// A directory whose workers a test chooses; the order is its own, or the ring's.
final class FixedDirectory: ClusterDirectory {
    struct View: ClusterPlacement {
        var generation: UInt64
        var candidates: [WorkerCandidate]
        var usesRing: Bool

        func candidates(for key: RingKey, count: Int) -> [WorkerCandidate] {
            guard usesRing else { return Array(candidates.prefix(count)) }
            let ring = HashRing(members: candidates.map { HashRing.Member($0.identity, virtualNodes: 100) })
            return ring.workers(for: key, count: count).compactMap { identity in
                candidates.first { $0.identity == identity }
            }
        }
    }

    private let current: Mutex<View>

    init(_ candidates: [WorkerCandidate], usesRing: Bool = false) {
        current = Mutex(View(generation: 1, candidates: candidates, usesRing: usesRing))
    }

    var view: View { current.withLock { $0 } }

    func replace(_ candidates: [WorkerCandidate]) {
        current.withLock {
            $0.candidates = candidates
            $0.generation += 1
        }
    }
}

extension [UInt8] {
    fileprivate func dropLast() -> [UInt8] { Array(self[..<(count - 1)]) }
}
