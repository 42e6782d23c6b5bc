import CCurl
import CCurlShim

/// What libcurl's callbacks fill in while one request is under way; lives on the stack of the calling thread.
struct Exchange {
    /// The most bytes of an error document that are kept.
    static let collectedMaximumBytes = 64 << 10
    /// The most bytes that the header fields of one response may have.
    static let headMaximumBytes = 64 << 10

    /// What is left when the exchange is over.
    struct Result {
        var status = 0
        var lines: [UInt8] = []
        /// The final head has come; further header lines are trailers.
        var headIsComplete = false
        /// A byte of any response has come, so that the request must not be repeated blindly.
        var sawResponse = false
        var collected: [UInt8] = []
        /// The caller's closure returned `false`.
        var wasStopped = false
        /// The collected error document was cut; what is missing is of no interest.
        var wasCut = false
        var receivedBytes = 0
        /// Bytes of the request's body that were handed to libcurl.
        var sentBytes = 0
        /// The request was sent a second time.
        var wasRepeated = false
    }

    var result = Result()
    private var wantsBody = false
    let watch: UnsafeMutablePointer<alluxio_curl_watch>
    let onHead: (HTTPResponseHead) -> Bool
    let onBody: (UnsafeRawBufferPointer) -> Bool

    init(
        watch: UnsafeMutablePointer<alluxio_curl_watch>,
        onHead: @escaping (HTTPResponseHead) -> Bool,
        onBody: @escaping (UnsafeRawBufferPointer) -> Bool
    ) {
        self.watch = watch
        self.onHead = onHead
        self.onBody = onBody
    }

    /// Takes one header line; returns whether the transfer goes on.
    mutating func took(headerLine line: UnsafeRawBufferPointer) -> Bool {
        result.sawResponse = true
        watch.pointee.moved_at_ns = 0
        watch.pointee.heard = 1
        if result.headIsComplete { return true }
        if line.count >= 12, line.starts(with: "HTTP/".utf8) {
            result.lines.removeAll(keepingCapacity: true)
            result.status = Self.status(ofLine: line)
            return true
        }
        if line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") {
            guard result.status >= 200 else { return true }
            result.headIsComplete = true
            wantsBody = onHead(HTTPResponseHead(status: result.status, lines: result.lines))
            return true
        }
        guard result.lines.count + line.count <= Self.headMaximumBytes else { return false }
        if result.lines.isEmpty { result.lines.reserveCapacity(1024) }
        result.lines.append(contentsOf: line)
        return true
    }

    /// Takes a piece of the body; returns whether the transfer goes on.
    mutating func took(body bytes: UnsafeRawBufferPointer) -> Bool {
        result.receivedBytes += bytes.count
        if wantsBody {
            guard onBody(bytes) else {
                result.wasStopped = true
                return false
            }
            return true
        }
        let room = Self.collectedMaximumBytes - result.collected.count
        result.collected.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes.prefix(room)))
        result.wasCut = bytes.count > room
        return !result.wasCut
    }

    private static func status(ofLine line: UnsafeRawBufferPointer) -> Int {
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")) else { return 0 }
        var value = 0
        for byte in line[(blank + 1)...].prefix(3) {
            guard byte >= 0x30, byte <= 0x39 else { return 0 }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    static let onHeaderLine: alluxio_curl_receive = { bytes, size, count, context in
        guard let context, let bytes else { return 0 }
        let exchange = context.assumingMemoryBound(to: Exchange.self)
        let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return exchange.pointee.took(headerLine: line) ? size * count : 0
    }

    static let onBodyBytes: alluxio_curl_receive = { bytes, size, count, context in
        guard let context, let bytes, size * count > 0 else { return 0 }
        let exchange = context.assumingMemoryBound(to: Exchange.self)
        let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return exchange.pointee.took(body: piece) ? size * count : 0
    }
}
