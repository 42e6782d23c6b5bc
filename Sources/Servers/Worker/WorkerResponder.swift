import NIOCore
import NIOHTTP1
import Pages

/// The HTTP API of a worker: which endpoint answers which request.
///
/// The paths are `/<version>/<mapping>/…`, or `/<mapping>`; the version is not looked at. What is answered is
/// in `docs/protocol.md`.
struct WorkerResponder: Responder {
    let state: WorkerState
    /// Whether `/v1/node` answers with an array.
    let nodeIsArray: Bool

    var options: WorkerOptions { state.options }

    /// An endpoint and what its path says.
    enum Endpoint: Equatable {
        case health
        case metrics
        case files
        case info
        case load
        case node
        case ufsInfo
        case page(id: [UInt8], index: [UInt8])
        case range(id: [UInt8])
        case chunk(id: [UInt8])
        case head(id: [UInt8])
        case tail(id: [UInt8])
        case attributes(id: [UInt8])
        case entries(id: [UInt8])
        case change(Change, id: [UInt8])
        case news

        /// The endpoint of a path; nil if there is none.
        init?(_ components: [[UInt8]]) {
            let words = components.count == 1 ? components[...] : components.dropFirst()
            let rest = Array(words.dropFirst())
            let id = rest.count == 1 ? rest[0] : nil
            switch (words.first.map { String(decoding: $0, as: UTF8.self) }, id) {
            case ("health", _) where rest.isEmpty: self = .health
            case ("metrics", _) where rest.isEmpty: self = .metrics
            case ("files", _) where rest.isEmpty: self = .files
            case ("info", _) where rest.isEmpty: self = .info
            case ("load", _) where rest.isEmpty: self = .load
            case ("node", _) where rest.isEmpty: self = .node
            case ("ufsInfo", _) where rest.isEmpty: self = .ufsInfo
            case ("file", _) where rest.count == 3 && rest[1].elementsEqual("page".utf8):
                self = .page(id: rest[0], index: rest[2])
            case ("range", let id?): self = .range(id: id)
            case ("chunk", let id?): self = .chunk(id: id)
            case ("head", let id?): self = .head(id: id)
            case ("tail", let id?): self = .tail(id: id)
            case ("attributes", let id?): self = .attributes(id: id)
            case ("entries", let id?): self = .entries(id: id)
            case ("news", _) where rest.isEmpty: self = .news
            case (let word?, let id?):
                guard let change = Change(rawValue: word) else { return nil }
                self = .change(change, id: id)
            default: return nil
            }
        }
    }

    func bodyMaximum(for request: ServedRequest) -> Int {
        guard isWriting(request), isAllowed(request) else { return 0 }
        switch Endpoint(request.target.components) {
        case .page: return options.pageBytes
        case .news: return WorkerLimits.newsBytesMaximum
        default: return 0
        }
    }

    func intake(for request: ServedRequest) throws(HTTPFailure) -> (any BodyIntake)? {
        guard isWriting(request), case .chunk(let id) = Endpoint(request.target.components) else {
            return nil
        }
        guard isAllowed(request) else { throw Self.unauthorized }
        return TaggedIntake(try StoredUpload(state, to: try locate(id, request)), workerField)
    }

    func answer(_ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard let endpoint = Endpoint(request.target.components) else {
            let path = String(decoding: request.target.rawPath, as: UTF8.self)
            throw .refused(.notFound, "there is no \(path)")
        }
        var answer: Answer
        if endpoint == .health {
            answer = .text("worker is active")
        } else {
            guard isAllowed(request) else { throw Self.unauthorized }
            answer = try self.answer(endpoint, request, mayWait: mayWait)
        }
        answer.fields.append(workerField)
        return answer
    }

    private func answer(_ endpoint: Endpoint, _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure)
        -> Answer
    {
        if isWriting(request) { return try answerWriting(endpoint, request, mayWait: mayWait) }
        guard request.head.method == .GET || request.head.method == .HEAD else {
            let message = "\(request.head.method) is not possible"
            var refusal = Refusal(status: .methodNotAllowed, message: message)
            refusal.fields = [("Allow", "GET, HEAD, POST, PUT")]
            throw .refusal(refusal)
        }
        switch endpoint {
        case .health: return .text("worker is active")
        case .metrics: return try metrics()
        case .files: return try files(request, mayWait: mayWait)
        case .info: return try info(request, mayWait: mayWait)
        case .load: return load(request)
        case .node: return try node(request)
        case .ufsInfo: return ufsInfo()
        case .page(let id, let index): return try page(id, index, request, mayWait: mayWait)
        case .range(let id): return try range(id, request, mayWait: mayWait)
        case .chunk(let id): return try chunk(id, request, mayWait: mayWait)
        case .head(let id): return try end(.head, of: id, request, mayWait: mayWait)
        case .tail(let id): return try end(.tail, of: id, request, mayWait: mayWait)
        case .attributes(let id): return try attributes(id, request, mayWait: mayWait)
        case .entries(let id): return try entries(id, request, mayWait: mayWait)
        case .change, .news: throw .refused(.methodNotAllowed, "\(request.head.uri) takes POST")
        }
    }

    private func answerWriting(_ endpoint: Endpoint, _ request: ServedRequest, mayWait: Bool)
        throws(HTTPFailure) -> Answer
    {
        switch endpoint {
        case .page(let id, let index): return try post(id, index, request, mayWait: mayWait)
        case .change(let change, let id):
            return try self.change(change, id, request, mayWait: mayWait)
        case .news: return try news(request, mayWait: mayWait)
        default:
            throw .refused(.methodNotAllowed, "\(request.head.uri) takes GET")
        }
    }

    func answer(_ refusal: Refusal, to request: ServedRequest?) -> Answer {
        var members: [(String, JSONDocument)] = [("message", .string(refusal.message))] + refusal.members
        if let request, isWriting(request) {
            members += [("mSuccess", .bool(false)), ("mMessage", .string(refusal.message))]
        }
        return .json(.object(members), refusal.status, fields: refusal.fields + [workerField])
    }

    private func isWriting(_ request: ServedRequest) -> Bool {
        request.head.method == .POST || request.head.method == .PUT
    }

    private var workerField: (name: String, value: String) { ("X-Alluxio-Worker", options.version) }

    // MARK: - Who may ask

    private static var unauthorized: HTTPFailure {
        var refusal = Refusal(status: .unauthorized, message: "this worker wants the shared token")
        refusal.fields = [("WWW-Authenticate", "Bearer")]
        return .refusal(refusal)
    }

    /// Whether the request brings the shared token, if there is one.
    ///
    /// The time does not tell how much of a wrong token is right.
    private func isAllowed(_ request: ServedRequest) -> Bool {
        guard let token = options.token else { return true }
        guard let text = request.field("Authorization"), text.lowercased().hasPrefix("bearer ") else {
            return false
        }
        let given = FileID(of: Array(text.dropFirst(7).drop { $0 == " " }.utf8))
        return given == FileID(of: Array(token.utf8))
    }

    // MARK: - Which file

    /// The file that a request names by `ufsFullPath`, or by an id that this worker has heard of.
    func locate(_ id: [UInt8], _ request: ServedRequest) throws(HTTPFailure) -> FileLocation {
        if let name = request.target.value("ufsFullPath") {
            let location = try FileLocation(name, in: state.mounted)
            remember(location, for: id)
            return location
        }
        guard let id = FileID(id) else {
            throw .refused(.badRequest, "'\(String(decoding: id, as: UTF8.self))' is no file id")
        }
        guard let address = state.known.address(of: id) else {
            throw .refused(
                .notFound,
                "this worker has not heard of file \(id.text); ask with ufsFullPath, or list it first"
            )
        }
        return try FileLocation(address, in: state.mounted)
    }

    private func remember(_ location: FileLocation, for id: [UInt8]) {
        if let id = FileID(id) { state.known.learn(location.uri.bytes, claimed: id) }
    }

    /// The file or directory that `path` names.
    func locatePath(_ request: ServedRequest) throws(HTTPFailure) -> FileLocation {
        guard let name = request.target.formValue("path") else {
            throw .refused(.badRequest, "the parameter 'path' is missing")
        }
        return try FileLocation(name, in: state.mounted)
    }
}

/// Marks the answer to a body as every answer of a worker is.
private struct TaggedIntake: BodyIntake {
    private let intake: any BodyIntake
    private let field: (name: String, value: String)

    init(_ intake: any BodyIntake, _ field: (name: String, value: String)) {
        self.intake = intake
        self.field = field
    }

    func take(_ bytes: ByteBuffer) throws(HTTPFailure) { try intake.take(bytes) }

    func finish() throws(HTTPFailure) -> Answer {
        var answer = try intake.finish()
        answer.fields.append(field)
        return answer
    }

    func abandon() { intake.abandon() }
}
