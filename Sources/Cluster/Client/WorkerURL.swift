import HTTPTransport
import Pages

/// The URLs of a worker's endpoints.
struct WorkerURL: Sendable {
    private let base: String

    /// The URLs of one worker.
    init(_ worker: WorkerCandidate) {
        let isIPv6 = worker.host.utf8.contains(UInt8(ascii: ":"))
        base = "http://\(isIPv6 ? "[\(worker.host)]" : worker.host):\(worker.httpPort)"
    }

    /// Whether the worker lives.
    var health: String { base + "/health" }

    /// What has changed.
    var news: String { base + "/v1/news" }

    /// A range of a file, but for offset and length, which ``range(_:_:)`` appends.
    func range(_ uri: UFSURI) -> String { named("range", uri) + "&offset=" }

    /// A range of a file.
    static func range(_ url: String, _ span: Span) -> String {
        var url = url
        url.reserveCapacity(url.utf8.count + 48)
        url += String(span.offset)
        url += "&length="
        url += String(span.count)
        return url
    }

    /// What is about a file by its id: `range`, `attributes`, `entries`.
    func named(_ endpoint: String, _ uri: UFSURI, _ parameters: [(String, String)] = []) -> String {
        text("/v1/\(endpoint)/\(FileID(uri))", "ufsFullPath", uri, parameters)
    }

    /// A page, or a part of it.
    func page(_ index: Int64, of uri: UFSURI, part: Span?) -> String {
        let parameters = part.map { [("offset", "\($0.offset)"), ("length", "\($0.count)")] } ?? []
        return text("/v1/file/\(FileID(uri))/page/\(index)", "ufsFullPath", uri, parameters)
    }

    /// The status of one file.
    func info(_ uri: UFSURI) -> String { text("/v1/info", "path", uri, []) }

    private func text(
        _ path: String,
        _ name: String,
        _ uri: UFSURI,
        _ parameters: [(String, String)]
    ) -> String {
        var text = Array((base + path + "?" + name + "=").utf8)
        text.reserveCapacity(text.count + uri.bytes.count + 64)
        PercentCoding.append(uri.bytes, to: &text)
        for (name, value) in parameters {
            text.append(contentsOf: "&\(name)=".utf8)
            PercentCoding.append(value.utf8, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
