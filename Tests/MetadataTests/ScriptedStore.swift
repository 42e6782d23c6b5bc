import Glibc
import Metadata
import Pages
import Synchronization

@testable import class Metadata.Latch

/// A store in memory that counts what it is asked, and can be slow, broken, or made to hold its answers back.
final class ScriptedStore: MetadataSource {
    enum Request: Hashable, Sendable {
        case attributes(RelativePath, known: EntryKind?)
        case page(RelativePath, token: String?)
    }

    struct State {
        var directories: [RelativePath: [[UInt8]: Attributes]] = [.root: [:]]
        /// Sorted names of directories, made when first listed.
        var sorted: [RelativePath: [[UInt8]]] = [:]
        var pages: [RelativePath: [[(String, Attributes)]]] = [:]
        var requests: [Request] = []
        var underWay: Set<String> = []
        /// Requests that came while one for the same key was under way.
        var doubled: [String] = []
        var errors: [StoreError] = []
        var gate: Latch?
        var delayMicroseconds: ClosedRange<UInt32> = 0...0
    }

    let state = Mutex(State())
    let pageSize: Int

    init(pageSize: Int = 1000) {
        self.pageSize = pageSize
    }

    // MARK: Script

    static func file(_ version: Int, size: Int64? = nil) -> Attributes {
        Attributes(kind: .file, size: size ?? Int64(version), modified: 1, etag: ETag("v\(version)"))
    }

    static let directory = Attributes(kind: .directory, size: 0, modified: 0, etag: nil)

    /// Puts a name and the directories above it.
    func put(_ path: RelativePath, _ attributes: Attributes = ScriptedStore.file(1)) {
        state.withLock { $0.put(path, attributes) }
    }

    func put(_ path: String, _ attributes: Attributes = ScriptedStore.file(1)) {
        put(RelativePath(path), attributes)
    }

    func remove(_ path: String) {
        let path = RelativePath(path)
        state.withLock { state in
            guard let parent = path.parent else { return }
            state.directories[parent]?[Array(path.name)] = nil
            state.directories[path] = nil
            state.sorted[parent] = nil
        }
    }

    /// Gives a directory exactly these pages when it is listed.
    func script(_ directory: String, pages: [[(String, Attributes)]]) {
        state.withLock { $0.pages[RelativePath(directory)] = pages }
    }

    /// Lets the next requests fail, one error each.
    func fail(_ errors: StoreError...) {
        state.withLock { $0.errors = errors }
    }

    /// From now on, answers are made at once but held back until the gate opens.
    func hold() -> Latch {
        let gate = Latch()
        state.withLock { $0.gate = gate }
        return gate
    }

    /// Lets all requests through from now on.
    func release(_ gate: Latch) {
        state.withLock { $0.gate = nil }
        gate.open()
    }

    var requests: [Request] { state.withLock { $0.requests } }
    var doubled: [String] { state.withLock { $0.doubled } }

    /// The requests since the last call.
    func takeRequests() -> [Request] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    // MARK: MetadataSource

    func uri(of path: RelativePath) -> UFSURI { UFSURI("test://\(path)") }

    func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try answer(.attributes(path, known: known), key: "attributes \(path)") { state in
            guard let parent = path.parent, let found = state.directories[parent]?[Array(path.name)] else {
                return .failure(.notFound)
            }
            return .success(found)
        }
    }

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let start = token.flatMap { Int($0.text) } ?? 0
        let request = Request.page(directory, token: token?.text)
        let key = "page \(directory) \(token?.text ?? "-")"
        let (entries, next) = try answer(request, key: key) {
            $0.page(directory, from: start, size: self.pageSize)
        }
        for (name, attributes) in entries { name.withUnsafeBytes { sink($0, attributes) } }
        return ListingPage(next: next.map { ListingToken(String($0)) }, hidden: 0)
    }

    func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] { Array("target".utf8) }

    private func answer<Value>(
        _ request: Request,
        key: String,
        _ make: (inout State) -> Result<Value, StoreError>
    ) throws(StoreError) -> Value where Value: Sendable {
        let (result, gate, delay) = state.withLock { state in
            state.requests.append(request)
            if !state.underWay.insert(key).inserted { state.doubled.append(key) }
            let delay = UInt32.random(in: state.delayMicroseconds)
            guard state.errors.isEmpty else {
                return (Result<Value, StoreError>.failure(state.errors.removeFirst()), state.gate, delay)
            }
            return (make(&state), state.gate, delay)
        }
        if delay > 0 { usleep(delay) }
        if let gate { _ = gate.wait(atMost: .seconds(30)) }
        state.withLock { _ = $0.underWay.remove(key) }
        return try result.get()
    }
}

extension ScriptedStore.State {
    mutating func put(_ path: RelativePath, _ attributes: Attributes) {
        guard let parent = path.parent else { return }
        if directories[parent] == nil { put(parent, ScriptedStore.directory) }
        if directories[parent]?.updateValue(attributes, forKey: Array(path.name)) == nil {
            sorted[parent] = nil
        }
        if attributes.kind == .directory { directories[path] = directories[path] ?? [:] }
    }

    mutating func page(
        _ directory: RelativePath,
        from start: Int,
        size: Int
    ) -> Result<(entries: [([UInt8], Attributes)], next: Int?), StoreError> {
        if let pages = pages[directory] {
            let entries = pages[start].map { (Array($0.0.utf8), $0.1) }
            return .success((entries, start + 1 < pages.count ? start + 1 : nil))
        }
        guard let children = directories[directory] else { return .failure(.notFound) }
        let names = sorted[directory] ?? children.keys.sorted { $0.lexicographicallyPrecedes($1) }
        sorted[directory] = names
        let stop = min(start + size, names.count)
        let entries = names[min(start, stop)..<stop].map { ($0, children[$0] ?? ScriptedStore.directory) }
        return .success((entries, stop < names.count ? stop : nil))
    }
}
