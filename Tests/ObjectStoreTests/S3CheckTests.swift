import HTTPTransport
import Metadata
import Pages
import Testing
import TestServers

@testable import ObjectStore

/// What a user is told who cannot mount, and the ways to reach a bucket, on a real server.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct S3CheckTests {
    let weed: WeedServer

    init() throws { weed = try WeedServer.shared() }

    private func refusal(
        _ options: S3Options,
        _ credentials: any CredentialsSource,
        transport: HTTPTransport = HTTPTransport()
    ) throws -> S3CheckError {
        let store = try S3Store(options: options, transport: transport, credentials: credentials)
        let start = ContinuousClock.now
        let error = #expect(throws: S3CheckError.self) { try store.check() }
        #expect(start.duration(to: .now) < .seconds(5))
        let found = try #require(error)
        #expect(!found.description.contains("\n"))
        return found
    }

    @Test func `a bucket that can be read passes`() throws {
        let (bucket, _) = try weed.freshBucket("fine")
        try S3Store(
            options: weed.options(bucket),
            transport: HTTPTransport(),
            credentials: weed.credentials()
        ).check()
    }

    @Test func `each mistake gets its own line`() throws {
        let (bucket, _) = try weed.freshBucket("wrong")
        let options = weed.options(bucket)
        let secret = try refusal(options, FixedCredentials("testkey", "wrong"))
        #expect(secret.kind == .wrongSecret, "\(secret)")
        let key = try refusal(options, FixedCredentials("nobody", "wrong"))
        #expect(key.kind == .unknownAccessKey, "\(key)")
        let missing = try refusal(weed.options("missing-bucket"), weed.credentials())
        #expect(missing.kind == .missingBucket, "\(missing)")
        #expect(missing.description.contains("missing-bucket"))
        let denied = try refusal(options, weed.credentials(.narrow))
        #expect(denied.kind == .denied, "\(denied)")
        #expect(denied.description.contains("s3://\(bucket)/"))
    }

    @Test func `an endpoint that nobody listens on is named with its port`() throws {
        var options = S3Options(bucket: "b")
        let port = SupervisedProcess.freePorts(1)[0]
        options.endpoint = "http://127.0.0.1:\(port)"
        let error = try refusal(options, weed.credentials())
        #expect(error.kind == .unreachable)
        #expect(error.description.contains("127.0.0.1:\(port)"))
    }

    @Test func `missing credentials are told with the places that were asked`() throws {
        struct None: CredentialsSource {
            func credentials() throws(CredentialsError) -> Credentials? { throw .notFound("looked nowhere") }
            func invalidate(_ used: Credentials) {}
        }
        let error = try refusal(weed.options("b"), None())
        #expect(error.kind == .noCredentials)
        #expect(error.description.contains("looked nowhere"))
    }

    @Test func `a server that speaks no S3 is named`() throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200, [], Array("<html><body>Welcome</body></html>".utf8))
            return true
        }
        var options = S3Options(bucket: "b")
        options.endpoint = server.url
        #expect(try refusal(options, weed.credentials()).kind == .refused)
    }

    @Test func `a clock that is wrong by hours is corrected`() throws {
        let (bucket, upload) = try weed.freshBucket("clock")
        try upload.put([1, 2, 3], to: Array("file".utf8))
        for known in [nil, EntryKind.file] {
            let store = try S3Store(
                options: weed.options(bucket),
                transport: HTTPTransport(),
                credentials: weed.credentials()
            )
            store.client.setClockOffset(-5 * 3600)
            #expect(try store.attributes(of: RelativePath("file"), known: known).size == 3)
        }
    }

    @Test func `an identity that may see only the prefix can mount it`() throws {
        let upload = try weed.upload(to: "narrow")
        try upload.createBucket()
        try upload.put([1], to: Array("team/dir/file".utf8))
        try upload.put([2], to: Array("secret".utf8))
        let store = try S3Store(
            options: weed.options("narrow", prefix: "team"),
            transport: HTTPTransport(),
            credentials: weed.credentials(.narrow)
        )
        try store.check()
        #expect(try Listed(store, .root).order == ["dir"])
        #expect(try Listed(store, RelativePath("dir")).order == ["file"])
        #expect(try store.attributes(of: RelativePath("dir"), known: nil).kind == .directory)
        #expect(try fetched(store, "dir/file") == [1])
        let whole = try S3Store(
            options: weed.options("narrow"),
            transport: HTTPTransport(),
            credentials: weed.credentials(.narrow)
        )
        #expect(throws: S3CheckError.self) { try whole.check() }
    }

    @Test func `a public bucket is read without keys`() throws {
        let upload = try weed.upload(to: "public")
        try upload.createBucket()
        try upload.put([9], to: Array("dir/file".utf8))
        var options = weed.options("public")
        options.anonymous = true
        let store = try S3Store(
            options: options,
            transport: HTTPTransport(),
            credentials: FixedCredentials("nobody", "x")
        )
        try store.check()
        #expect(try fetched(store, "dir/file") == [9])
    }

    @Test func `the bucket's name can be in the host`() throws {
        let (bucket, upload) = try weed.freshBucket("hosted")
        try upload.put([7, 7], to: Array("dir/a b+c".utf8))
        var options = weed.options(bucket)
        options.endpoint = "http://localhost:\(weed.port)"
        options.usesPathStyle = false
        let store = try S3Store(options: options, transport: HTTPTransport(), credentials: weed.credentials())
        try store.check()
        #expect(try Listed(store, RelativePath("dir")).order == ["a b+c"])
        #expect(try fetched(store, "dir/a b+c") == [7, 7])
    }

    @Test func `https works with the authority's file and not without`() throws {
        let (bucket, upload) = try weed.freshBucket("tls")
        try upload.put([5, 5, 5], to: Array("file".utf8))
        let proxy = try TLSProxy(to: weed.port)
        defer { proxy.process.stop() }
        var options = weed.options(bucket)
        options.endpoint = "https://127.0.0.1:\(proxy.port)"
        var trusting = HTTPTransportOptions()
        trusting.certificateAuthorityFile = proxy.certificateFile
        let store = try S3Store(
            options: options,
            transport: HTTPTransport(options: trusting),
            credentials: weed.credentials()
        )
        try store.check()
        #expect(try fetched(store, "file") == [5, 5, 5])
        let error = try refusal(options, weed.credentials())
        #expect(error.kind == .untrusted, "\(error)")
        var missing = HTTPTransportOptions()
        missing.certificateAuthorityFile = "/nonexistent/ca.pem"
        let file = try refusal(options, weed.credentials(), transport: HTTPTransport(options: missing))
        #expect(file.description.contains("/nonexistent/ca.pem"))
        var blind = HTTPTransportOptions()
        blind.verifiesPeer = false
        try S3Store(
            options: options,
            transport: HTTPTransport(options: blind),
            credentials: weed.credentials()
        ).check()
    }
}
