import HTTPTransport
import Pages

/// Lines of news for one worker, in the words of `docs/protocol.md`.
///
/// A value; a name comes once, however often it was changed.
struct NewsText: Sendable {
    private(set) var count = 0
    private(set) var bytes: [UInt8] = []
    private var told: Set<[UInt8]> = []

    /// Whether more belongs into another request; workers take 1000 lines, and 1 MiB.
    var isFull: Bool { count >= 900 || bytes.count >= 900 << 10 }

    /// Adds a name to be forgotten.
    mutating func add(_ name: UFSURI) {
        guard told.insert(name.bytes).inserted else { return }
        begin(name)
        end()
    }

    /// Adds a version that the worker is to have.
    /// - Parameters:
    ///   - version: What the store has.
    ///   - span: What of it; nil: all.
    mutating func add(_ version: FileVersion, _ span: Span?) {
        told.insert(version.uri.bytes)
        begin(version.uri)
        bytes.append(contentsOf: ",\(version.size),\"".utf8)
        PercentCoding.append(version.etag.text.utf8, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        if let span { bytes.append(contentsOf: ",\(span.offset),\(span.count)".utf8) }
        end()
    }

    private mutating func begin(_ name: UFSURI) {
        bytes.append(contentsOf: "[\"".utf8)
        PercentCoding.append(name.bytes, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func end() {
        bytes.append(contentsOf: "]\n".utf8)
        count += 1
    }
}
