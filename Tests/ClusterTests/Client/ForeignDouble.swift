import Pages
import Synchronization
import TestServers

@testable import Cluster

/// A worker of the open-source kind, written from the protocol facts.
///
/// Pages of 1 MiB, no header fields of ours, and the connection closed without a word wherever it has nothing
/// to say.
final class ForeignDouble: Sendable {
    struct State: Sendable {
        /// Pages that are cached, by file; nil means all.
        var pages: [String: Set<Int>] = [:]
        var modifiedMilliseconds: Int64 = 1_700_000_000_123
        var contentHash: String?
        var length: Int64?
        var requests: [SeenRequest] = []
    }

    let candidate: WorkerCandidate
    let state: Mutex<State>
    private let server: RawServer

    init(_ name: String, _ files: [TestFile], pageBytes: Int = 1 << 20) throws {
        let state = StateBox()
        self.state = Mutex(State())
        let byID = Dictionary(uniqueKeysWithValues: files.map { (FileID($0.version.uri).text, $0) })
        let byURI = Dictionary(uniqueKeysWithValues: files.map { ($0.version.uri.description, $0) })
        server = try RawServer.answering { _, text, connection in
            guard let double = state.double.withLock({ $0.value }) else { return false }
            let request = SeenRequest(text)
            let now = double.state.withLock { state in
                state.requests.append(request)
                return state
            }
            let parts = request.path.split(separator: "/").map { String($0) }
            switch request.endpoint {
            case "health":
                connection.respond(200, ["Content-Type: text/plain"], Array("worker is active".utf8))
                return true
            case "info":
                guard let file = byURI[request.query["path"] ?? ""] else { return false }
                connection.respond(200, ["Content-Type: application/json"], Self.info(file, now))
                return true
            case "file":
                guard parts.count == 5, let index = Int(parts[4]), let file = byID[parts[2]] else {
                    return false
                }
                return Self.page(file, index, request, now, pageBytes, connection)
            default: return false
            }
        }
        candidate = WorkerCandidate(
            identity: WorkerIdentity(hostName: name),
            host: "127.0.0.1",
            httpPort: server.port
        )
        state.double.withLock { $0.value = self }
    }

    private final class StateBox: Sendable {
        struct Weak: Sendable { weak var value: ForeignDouble? }
        let double = Mutex(Weak())
    }

    /// The pages that were asked for.
    var pageRequests: [SeenRequest] { state.withLock { $0.requests.filter { $0.endpoint == "file" } } }
    var infoCount: Int { state.withLock { $0.requests.count { $0.endpoint == "info" } } }

    private static func info(_ file: TestFile, _ state: State) -> [UInt8] {
        let hash = state.contentHash.map { ",\"mContentHash\":\"\($0)\"" } ?? ""
        let name = file.version.uri.description.split(separator: "/").last ?? ""
        return Array(
            """
            [{"mType":"file","mName":"\(name)","mPath":"/\(name)","mUfsPath":"\(file.version.uri)",\
            "mLastModificationTimeMs":\(state.modifiedMilliseconds),\
            "mLength":\(state.length ?? file.version.size),"mHumanReadableFileSize":"1B"\(hash)}]
            """.utf8
        )
    }

    private static func page(
        _ file: TestFile,
        _ index: Int,
        _ request: SeenRequest,
        _ state: State,
        _ pageBytes: Int,
        _ connection: RawServer.Connection
    ) -> Bool {
        let name = file.version.uri.description
        guard state.pages[name]?.contains(index) ?? true, index * pageBytes < file.bytes.count else {
            return false
        }
        let page = file.bytes[(index * pageBytes)..<min((index + 1) * pageBytes, file.bytes.count)]
        let offset = request.query["offset"] == nil ? 0 : request.offset
        guard offset <= page.count else { return false }
        let length =
            request.query["offset"] == nil || request.length < 0 ? pageBytes - offset : request.length
        let part = page.dropFirst(offset).prefix(length)
        connection.respond(200, ["Content-Type: text/plain"], Array(part))
        return true
    }
}
