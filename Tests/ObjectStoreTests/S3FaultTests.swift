import Glibc
import HTTPTransport
import Metadata
import Pages
import Synchronization
import Testing
import TestServers

@testable import ObjectStore

/// The store against a server that gives wrong answers on purpose.
@Suite(.timeLimit(.minutes(10)))
struct S3FaultTests {
    static let data = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let credentials = FixedCredentials("key", "secret", sessionToken: "token+/=")

    func store(_ server: RawServer, _ change: (inout S3Options) -> Void = { _ in }) throws -> S3Store {
        var options = S3Options(bucket: "bucket", prefix: Array("p".utf8))
        options.endpoint = server.url
        options.retries.delayMinimum = .milliseconds(1)
        change(&options)
        return try S3Store(options: options, transport: HTTPTransport(), credentials: credentials)
    }

    func version(_ store: S3Store) -> FileVersion {
        FileVersion(uri: store.uri(of: RelativePath("file")), etag: ETag("tag"), size: 1000)
    }

    /// Fetches 100 bytes from 200.
    func fetch(_ store: S3Store) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try store.fetch(Span(offset: 200, count: 100), of: version(store)) { bytes += Array($0) }
        return bytes
    }

    static func field(_ name: String, _ request: String) -> String? {
        for line in request.split(separator: "\r\n") where line.lowercased().hasPrefix(name + ":") {
            return String(line.dropFirst(name.utf8.count + 2))
        }
        return nil
    }

    /// Answers a ranged request rightly, but sends only so many bytes.
    static func serve(_ request: String, _ connection: RawServer.Connection, cutAt limit: Int = .max) -> Bool
    {
        guard let range = field("range", request)?.dropFirst(6).split(separator: "-"),
            let start = Int(range[0]),
            let last = Int(range[1])
        else { return false }
        let body = data[start...last]
        connection.send(
            "HTTP/1.1 206 Partial Content\r\nETag: \"tag\"\r\nContent-Range: bytes \(start)-\(last)/1000\r\n"
                + "Content-Length: \(body.count)\r\n\r\n"
        )
        connection.send(Array(body.prefix(limit)))
        return limit >= body.count
    }

    static func refuse(
        _ connection: RawServer.Connection,
        _ status: Int,
        _ code: String,
        _ fields: [String] = [],
        _ more: String = ""
    ) {
        let text = "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>words</Message>\(more)</Error>"
        connection.respond(status, fields, Array(text.utf8))
    }

    @Test func `a broken transfer goes on where it ended, for the same version`() throws {
        let server = try RawServer.answering { number, request, connection in
            Self.serve(request, connection, cutAt: [30, 0, 25].count > number ? [30, 0, 25][number] : .max)
        }
        #expect(try fetch(store(server)) == Array(Self.data[200..<300]))
        #expect(
            server.requests.map { Self.field("range", $0) } == [200, 230, 230, 255].map { "bytes=\($0)-299" }
        )
        #expect(server.requests.allSatisfy { Self.field("if-match", $0) == "\"tag\"" })
    }

    @Test func `a busy server is asked again`() throws {
        let server = try RawServer.answering { number, request, connection in
            guard number < 3 else { return Self.serve(request, connection) }
            Self.refuse(
                connection,
                [503, 500, 429][number],
                ["SlowDown", "InternalError", "TooMany"][number]
            )
            return true
        }
        #expect(try fetch(store(server)) == Array(Self.data[200..<300]))
        #expect(server.requests.count == 4)
    }

    @Test func `a server that stays busy is given up at the deadline`() throws {
        let server = try RawServer.answering { _, _, connection in
            Self.refuse(connection, 503, "SlowDown")
            return true
        }
        let start = ContinuousClock.now
        let error = #expect(throws: StoreError.self) {
            try fetch(store(server) { $0.retries.totalDeadline = .seconds(1) })
        }
        guard case .unavailable(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.contains("s3://bucket/p/file") && text.contains("SlowDown"))
        #expect(start.duration(to: .now) < .seconds(3))
    }

    /// Fetches 100 bytes, which the store must call corrupt.
    /// - Returns: How many bytes the sink got.
    private func bytesGivenBeforeCorruption(_ server: RawServer) throws -> Int {
        let store = try store(server)
        var given = 0
        let error = #expect(throws: StoreError.self) {
            try store.fetch(Span(offset: 200, count: 100), of: version(store)) { given += $0.count }
        }
        guard case .corrupt? = error else {
            Issue.record("\(String(describing: error))")
            return given
        }
        return given
    }

    @Test(arguments: [
        "Content-Range: bytes 200-299/1000\r\nContent-Length: 101\r\n",
        "Content-Range: bytes 200-299/1000\r\nContent-Length: 99\r\n",
        "Content-Range: bytes 201-300/1000\r\nContent-Length: 100\r\n",
        "Content-Range: bytes 200-2990/1000\r\nContent-Length: 100\r\n", "Content-Length: 100\r\n",
    ])
    func `an answer to another question is corrupt and gives no byte`(fields: String) throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send("HTTP/1.1 206 Partial Content\r\nETag: \"tag\"\r\n\(fields)\r\n")
            connection.send([UInt8](repeating: 1, count: 101))
            return false
        }
        let given = try bytesGivenBeforeCorruption(server)
        #expect(given == 0)
        #expect(server.requests.count == 1)
    }

    @Test func `bytes past the end of an answer without length never reach the sink`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.send(
                "HTTP/1.1 206 Partial Content\r\nETag: \"tag\"\r\nContent-Range: bytes 200-299/1000\r\n"
            )
            connection.send(
                "Transfer-Encoding: chunked\r\n\r\n32\r\n\(String(repeating: "a", count: 50))\r\n"
            )
            connection.wait(seconds: 1)
            connection.send("33\r\n\(String(repeating: "b", count: 51))\r\n0\r\n\r\n")
            return false
        }
        let given = try bytesGivenBeforeCorruption(server)
        #expect(given <= 100)
    }

    @Test func `a whole answer to a part of the object is refused, to all of it taken`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, ["ETag: \"tag\""], Self.data)
            return true
        }
        let store = try store(server)
        #expect(throws: StoreError.self) { try fetch(store) }
        var all: [UInt8] = []
        try store.fetch(Span(offset: 0, count: 1000), of: version(store)) { all += Array($0) }
        #expect(all == Self.data)
    }

    @Test func `another version is stale, whatever the status`() throws {
        let server = try RawServer.answering { number, _, connection in
            switch number {
            case 0:
                connection.respond(
                    206,
                    ["ETag: \"new\"", "Content-Range: bytes 200-299/1000"],
                    Array(Self.data[200..<300])
                )
            case 1:
                connection.respond(
                    206,
                    ["ETag: \"tag\"", "Content-Range: bytes 200-299/900"],
                    Array(Self.data[200..<300])
                )
            case 2: Self.refuse(connection, 412, "PreconditionFailed")
            default: Self.refuse(connection, 404, "NoSuchKey")
            }
            return true
        }
        let store = try store(server)
        for _ in 0..<4 { #expect(throws: StoreError.stale) { try fetch(store) } }
        #expect(server.requests.count == 4)
    }

    @Test func `denied and archived objects are named and not asked for again`() throws {
        let server = try RawServer.answering { number, _, connection in
            Self.refuse(connection, 403, number == 0 ? "AccessDenied" : "InvalidObjectState")
            return true
        }
        let store = try store(server)
        guard case .denied(let denied)? = #expect(throws: StoreError.self, performing: { try fetch(store) }),
            case .archived(let archived)? = #expect(throws: StoreError.self, performing: { try fetch(store) })
        else {
            Issue.record("other errors")
            return
        }
        #expect(denied.contains("s3://bucket/p/file") && archived.contains("s3://bucket/p/file"))
        #expect(server.requests.count == 2)
    }

    @Test(arguments: [0, 1, 2])
    func `the region is learnt once from a redirect or a refused signature`(kind: Int) throws {
        let server = try RawServer.answering { _, request, connection in
            if request.contains("/eu-west-1/s3/aws4_request") { return Self.serve(request, connection) }
            switch kind {
            case 0: Self.refuse(connection, 301, "PermanentRedirect", ["x-amz-bucket-region: eu-west-1"])
            case 1:
                Self.refuse(connection, 400, "AuthorizationHeaderMalformed", [], "<Region>eu-west-1</Region>")
            default:
                Self.refuse(
                    connection,
                    307,
                    "TemporaryRedirect",
                    [],
                    "<Endpoint>bucket.s3.eu-west-1.amazonaws.com</Endpoint>"
                )
            }
            return true
        }
        let store = try store(server)
        for _ in 0..<3 { #expect(try fetch(store) == Array(Self.data[200..<300])) }
        #expect(server.requests.count == 4)
    }

    @Test func `a skewed clock is corrected from the server's date, for good`() throws {
        let server = try RawServer.answering { _, request, connection in
            guard Self.field("x-amz-date", request)?.hasPrefix("20350103") == true else {
                Self.refuse(connection, 403, "RequestTimeTooSkewed", ["Date: Wed, 03 Jan 2035 04:05:06 GMT"])
                return true
            }
            return Self.serve(request, connection)
        }
        let store = try store(server)
        for _ in 0..<3 { #expect(try fetch(store) == Array(Self.data[200..<300])) }
        #expect(server.requests.count == 4)
    }

    @Test func `expired credentials are given back once`() throws {
        let server = try RawServer.answering { number, request, connection in
            guard number > 0 else {
                Self.refuse(connection, 400, "ExpiredToken")
                return true
            }
            return Self.serve(request, connection)
        }
        #expect(try fetch(store(server)) == Array(Self.data[200..<300]))
        #expect(credentials.refusalCount == 1)
        #expect(Self.field("x-amz-security-token", server.requests[0]) == "token+/=")
    }

    @Test func `a refused HEAD is asked for its reason`() throws {
        let server = try RawServer.answering { number, request, connection in
            if request.hasPrefix("HEAD") {
                guard number > 0 else {
                    connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    return true
                }
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"t\"\r\n"
                        + "Last-Modified: Mon, 12 Oct 2009 17:50:30 GMT\r\n\r\n"
                )
            } else {
                Self.refuse(connection, 400, "ExpiredToken")
            }
            return true
        }
        let found = try store(server).attributes(of: RelativePath("file"), known: .file)
        #expect(
            found == Attributes(kind: .file, size: 5, modified: 1_255_369_830_000_000_000, etag: ETag("t"))
        )
        #expect(server.requests.map { $0.prefix(4) } == ["HEAD", "GET ", "HEAD"])
        #expect(credentials.refusalCount == 1)
    }

    @Test func `the caller's error ends the transfer and comes back as it is`() throws {
        let server = try RawServer.answering { _, request, connection in Self.serve(request, connection) }
        let store = try store(server)
        #expect(throws: StoreError.cancelled) {
            try store.fetch(Span(offset: 0, count: 10), of: version(store)) { (_) throws(StoreError) in
                throw .cancelled
            }
        }
        #expect(server.requests.count == 1)
    }

    @Test func `anonymous requests are unsigned, requester pays is said`() throws {
        let server = try RawServer.answering { _, request, connection in Self.serve(request, connection) }
        _ = try fetch(
            store(server) {
                $0.anonymous = true; $0.requesterPays = true
            }
        )
        #expect(Self.field("authorization", server.requests[0]) == nil)
        #expect(Self.field("x-amz-request-payer", server.requests[0]) == "requester")
        _ = try fetch(store(server) { $0.requesterPays = true })
        #expect(Self.field("authorization", server.requests[1])?.contains("x-amz-request-payer") == true)
    }

    @Test func `the two questions of a lookup are asked at the same time, or one after the other`() throws {
        let both = Semaphore()
        let server = try RawServer.answering { _, request, connection in
            both.post()
            // Each answer waits until the other question has come too.
            let end = ContinuousClock.now + .seconds(5)
            while !both.wait(atMost: .seconds(1)), ContinuousClock.now < end {}
            if request.hasPrefix("HEAD") {
                connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            } else {
                Self.list(connection, "<CommonPrefixes><Prefix>p/x/</Prefix></CommonPrefixes>")
            }
            return true
        }
        let parallel = try store(server)
        #expect(try parallel.attributes(of: RelativePath("x"), known: nil).kind == .directory)
        #expect(server.requests.count == 2)
        let alone = try store(server) { $0.companionsMaximum = 0 }
        #expect(try alone.attributes(of: RelativePath("x"), known: nil).kind == .directory)
        #expect(server.requests.count == 3)
    }
}
