import NIOCore
import NIOHTTP1
import Pages

/// What is said to one request.
struct Answer: Sendable {
    /// The status.
    var status: HTTPResponseStatus
    /// Header fields beside `Content-Length` and `Connection`.
    var fields: [(name: String, value: String)]
    /// The body.
    var body: Body
    /// Whether the body goes out in chunks although its length is known.
    var isChunked = false

    /// Where a body comes from.
    enum Body: Sendable {
        /// Bytes at hand.
        case bytes([UInt8])
        /// Spans of an open version.
        case spans(SpanBody)
        /// Bytes that are made on a pool thread while they go out.
        case produced(ProducedBody)
    }

    /// Length of the body in bytes; nil if nobody knows it before the end.
    var length: Int64? {
        switch body {
        case .bytes(let bytes): Int64(bytes.count)
        case .spans(let spans): spans.count
        case .produced(let produced): produced.length
        }
    }

    init(_ status: HTTPResponseStatus, _ fields: [(name: String, value: String)] = [], _ body: Body) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// An answer that is a JSON document.
    static func json(
        _ document: JSONDocument,
        _ status: HTTPResponseStatus = .ok,
        fields: [(name: String, value: String)] = []
    ) -> Answer {
        Answer(status, [("Content-Type", "application/json")] + fields, .bytes(document.encoded))
    }

    /// An answer that is plain text.
    static func text(_ text: String, fields: [(name: String, value: String)] = []) -> Answer {
        Answer(.ok, [("Content-Type", "text/plain")] + fields, .bytes(Array(text.utf8)))
    }
}

/// Bytes of one version that go out step by step.
struct SpanBody: Sendable {
    /// What is read.
    let file: any PageFile
    /// Which bytes, and how far the steps have got.
    var cursor: SpanCursor
    /// The bytes of the first step, if they had to be fetched for the status to be known.
    var first: HeldBytes?
    /// The longest step in bytes that the answer wants, whatever the server would send at once.
    var stepMaximum = Int.max

    /// Length in bytes.
    var count: Int64 { cursor.count }
}

/// Bytes that are made on a pool thread.
struct ProducedBody: Sendable {
    /// Length in bytes; nil if nobody knows it before the end.
    let length: Int64?
    /// Makes the bytes.
    ///
    /// Each call of the sink waits until the connection took the bytes.
    let produce: @Sendable (_ sink: SpanSink) throws(StoreError) -> Void
}

/// Pinned bytes on their way from a pool thread to the connection's thread.
// Safety: made by one thread and handed over once; a pin may be dropped on any thread.
final class HeldBytes: @unchecked Sendable {
    /// The bytes and their pin.
    let bytes: PinnedBytes

    init(_ bytes: PinnedBytes) { self.bytes = bytes }
}
