import HTTPTransport
import Logging
import Pages

/// Reads spans from another worker of ours, and from the store where that one fails.
///
/// Any thread may call it; calls wait on the caller's thread.
final class PeerReads: Sendable {
    private let transport: HTTPTransport
    private let token: String?
    private let logger: Logger

    /// - Parameters:
    ///   - token: The shared token; nil: none.
    ///   - logger: Gets a line when another worker fails.
    init(token: String?, logger: Logger) {
        var options = HTTPTransportOptions()
        options.usesProxies = false
        options.connectTimeout = .seconds(1)
        // A long object takes long; what counts is that it goes on.
        options.totalTimeout = .seconds(3600)
        transport = HTTPTransport(options: options)
        self.token = token
        self.logger = logger
    }

    /// Closes idle connections.
    func sweep() { transport.closeConnections(idleFor: .seconds(45)) }

    /// The bytes of a span, from a worker; what it does not give comes from here.
    func body(_ span: Span, of file: any PageFile, from peer: WorkerAddress) -> ProducedBody {
        ProducedBody(length: Int64(span.count)) { [self] sink throws(StoreError) in
            var collected: [UInt8] = []
            var position = span.offset
            func flush() throws(StoreError) {
                guard !collected.isEmpty else { return }
                let full = collected
                collected.removeAll(keepingCapacity: true)
                position += Int64(full.count)
                let result = full.withUnsafeBytes { bytes in
                    Result { () throws(StoreError) in try sink(bytes) }
                }
                try result.get()
            }
            do throws(StoreError) {
                try fetch(span, of: file.version, from: peer) { (bytes) throws(StoreError) in
                    collected.append(contentsOf: bytes)
                    if collected.count >= WorkerLimits.documentPartBytes { try flush() }
                }
                try flush()
            } catch .cancelled {
                throw .cancelled
            } catch {
                try flush()
                logger.warning(
                    "another worker failed; reading here",
                    metadata: ["worker": "\(peer.host):\(peer.httpPort)", "reason": "\(error)"]
                )
                try readHere(Span(from: position, to: span.end), of: file, into: sink)
            }
        }
    }

    private func fetch(
        _ span: Span,
        of version: FileVersion,
        from peer: WorkerAddress,
        into sink: SpanSink
    ) throws(StoreError) {
        var failure: StoreError?
        var left = span.count
        do throws(TransportError) {
            let response = try transport.stream(request(span, of: version, to: peer)) { head in
                head.status == 200 && head["content-length"] == "\(span.count)"
            } onBody: { bytes in
                left -= bytes.count
                guard left >= 0 else { return false }
                do throws(StoreError) { try sink(bytes) } catch { failure = error }
                return failure == nil
            }
            guard response.head.status == 200, left == 0 else {
                throw TransportError.broken("status \(response.head.status), \(left) bytes are missing")
            }
        } catch {
            throw failure ?? .unavailable("\(peer.host):\(peer.httpPort): \(error)")
        }
    }

    private func request(_ span: Span, of version: FileVersion, to peer: WorkerAddress) -> HTTPRequest {
        let id = FileID(of: version.uri.bytes).text
        let name = String(decoding: PercentCoding.encoded(version.uri.bytes), as: UTF8.self)
        let query = "ufsFullPath=\(name)&offset=\(span.offset)&length=\(span.count)"
        var fields: [(name: String, value: String)] = [
            ("If-Match", "\"\(version.etag)\""), ("X-Alluxio-File-Size", "\(version.size)"),
        ]
        if let token { fields.append(("Authorization", "Bearer \(token)")) }
        return HTTPRequest(
            url: "http://\(peer.host):\(peer.httpPort)/v1/range/\(id)?\(query)",
            headers: fields
        )
    }

    private func readHere(_ span: Span, of file: any PageFile, into sink: SpanSink) throws(StoreError) {
        var steps = SpanCursor([span], stepBytes: 256 << 10, windowBytes: WorkerLimits.windowBytes)
        while let step = steps.next() {
            let held = try file.read(step.span, asking: step.ask)
            let bytes = try HeldCopy.bytes(of: held)
            let result = bytes.withUnsafeBytes { bytes in
                Result { () throws(StoreError) in try sink(bytes) }
            }
            try result.get()
        }
    }
}
