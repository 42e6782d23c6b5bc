import Pages

/// Percent-encoding: every byte but `A-Z a-z 0-9 - . _ ~` as `%XX`.
enum PercentText {
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// Appends the encoded form of bytes; also `/` is encoded.
    static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: text.append(byte)
            default:
                text.append(UInt8(ascii: "%"))
                text.append(hexadecimal[Int(byte >> 4)])
                text.append(hexadecimal[Int(byte & 15)])
            }
        }
    }

    /// Appends what encoded text means.
    /// - Returns: Whether it is well formed: a `%` without two digits is not.
    static func appendDecoded(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) -> Bool {
        var index = text.startIndex
        while index != text.endIndex {
            let byte = text[index]
            index = text.index(after: index)
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            var value: UInt8 = 0
            for _ in 0..<2 {
                guard index != text.endIndex, let digit = digit(text[index]) else { return false }
                value = value << 4 | digit
                index = text.index(after: index)
            }
            bytes.append(value)
        }
        return true
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

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
        PercentText.append(uri.bytes, to: &text)
        for (name, value) in parameters {
            text.append(contentsOf: "&\(name)=".utf8)
            PercentText.append(value.utf8, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
