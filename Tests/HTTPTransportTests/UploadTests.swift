import HTTPTransport
import Synchronization
import Testing
import TestServers

@Suite(.timeLimit(.minutes(2)))
struct UploadTests {
    private static let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 9) }

    private func upload(_ limit: Int = 100_000) -> HTTPUpload {
        HTTPUpload(count: Int64(Self.bytes.count)) { buffer, offset in
            let count = min(limit, buffer.count, Self.bytes.count - Int(offset))
            Self.bytes.withUnsafeBytes {
                buffer.copyMemory(from: .init(rebasing: $0[Int(offset)..<(Int(offset) + count)]))
            }
            return count
        }
    }

    private func request(_ server: RawServer, _ upload: HTTPUpload) -> HTTPRequest {
        var request = HTTPRequest(method: "PUT", url: server.url + "/object", totalTimeout: .seconds(20))
        request.upload = upload
        return request
    }

    @Test func `a body that is read while it is sent arrives whole, and the next GET has none`() throws {
        let bodies = Mutex<[[UInt8]]>([])
        let server = try RawServer.answering { _, request, connection in
            let body = connection.readBody(of: request)
            bodies.withLock { $0.append(body) }
            connection.respond(200)
            return true
        }
        let transport = HTTPTransport()
        #expect(try transport.send(request(server, upload())).head.status == 200)
        #expect(try transport.send(HTTPRequest(url: server.url + "/")).head.status == 200)
        #expect(try transport.send(request(server, HTTPUpload(count: 0) { _, _ in 0 })).head.status == 200)
        #expect(bodies.withLock { $0 } == [Self.bytes, [], []])
        #expect(server.connectionCount == 1)
        let put = server.requests[0].lowercased()
        #expect(put.hasPrefix("put /object http/1.1") && put.contains("content-length: 3000000"))
        #expect(!put.contains("expect:") && !put.contains("transfer-encoding"))
        #expect(server.requests[1].hasPrefix("GET / "))
        #expect(!server.requests[1].lowercased().contains("content-length"))
        #expect(server.requests[2].lowercased().contains("content-length: 0"))
    }

    @Test func `a body goes out again from its start when a kept connection breaks, and the answer says so`()
        throws
    {
        let bodies = Mutex<[Int]>([])
        let server = try RawServer.answering { number, request, connection in
            let body = connection.readBody(of: request)
            bodies.withLock { $0.append(body == Self.bytes ? 1 : 0) }
            guard number != 1 else { return false }
            connection.respond(200)
            return true
        }
        let transport = HTTPTransport()
        #expect(try !transport.send(request(server, upload())).wasRepeated)
        #expect(try transport.send(request(server, upload())).wasRepeated)
        #expect(bodies.withLock { $0 } == [1, 1, 1])
    }

    @Test func `a body that cannot be read ends the exchange`() throws {
        let server = try RawServer.answering { _, request, connection in
            _ = connection.readBody(of: request)
            return false
        }
        let broken = HTTPUpload(count: 1_000_000) { buffer, offset in offset > 300_000 ? -1 : buffer.count }
        #expect(throws: TransportError.self) { try HTTPTransport().send(request(server, broken)) }
    }

    @Test func `an answer that comes before the body is out is taken`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(403, [], Array("no".utf8))
            return false
        }
        // Depending on what is first, the answer or the reset of the connection is seen.
        do throws(TransportError) {
            let response = try HTTPTransport().send(request(server, upload()))
            #expect(response.head.status == 403)
        } catch {
            guard case .broken = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
