import CCurl
import CCurlShim
import HTTPTransport
import Pages
import Testing
import TestServers

@testable import ObjectStore

/// The examples of Amazon's documentation, "Signature Calculations for the Authorization Header".
struct S3SigningTests {
    private let credentials = Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )
    private let host = ("host", "examplebucket.s3.amazonaws.com")
    private let date = ("x-amz-date", "20130524T000000Z")
    private let empty = ("x-amz-content-sha256", SigV4Request.emptyPayloadHash)

    private func signature(
        _ method: String,
        _ path: String,
        _ query: String,
        _ headers: [(String, String)],
        _ payload: String = SigV4Request.emptyPayloadHash
    ) -> String {
        let request = SigV4Request(
            method: method,
            path: Array(path.utf8),
            query: Array(query.utf8),
            headers: headers.map { (name: $0.0, value: $0.1) },
            payloadHash: payload
        )
        let value = SigV4Signer().authorization(
            for: request,
            credentials: credentials,
            region: "us-east-1",
            date: Array("20130524T000000Z".utf8)
        )
        return String(value.suffix(64))
    }

    @Test func `GET of an object is signed as documented`() {
        #expect(
            signature("GET", "/test.txt", "", [host, ("range", "bytes=0-9"), empty, date])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    @Test func `PUT of an object is signed as documented`() {
        let payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"), host, ("x-amz-content-sha256", payload), date,
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ]
        #expect(
            signature("PUT", "/test%24file.text", "", headers, payload)
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        )
    }

    @Test func `GET of a bucket's lifecycle is signed as documented`() {
        #expect(
            signature("GET", "/", "lifecycle=", [host, empty, date])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        )
    }

    @Test func `a listing is signed as documented`() {
        #expect(
            signature("GET", "/", "max-keys=2&prefix=J", [host, empty, date])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        )
    }

    @Test func `a whole request has the documented signature`() {
        var options = S3Options(bucket: "examplebucket")
        options.endpoint = "https://s3.amazonaws.com"
        options.usesPathStyle = false
        let endpoint = try? S3Endpoint(options)
        guard let endpoint else {
            Issue.record("the endpoint is refused")
            return
        }
        var request = S3Request(.getObject, key: Array("test.txt".utf8))
        request.range = .init(offset: 0, count: 10)
        let signing = S3Signing(
            endpoint: endpoint,
            credentials: credentials,
            now: 1_369_353_600,
            requesterPays: false
        )
        let message = SigV4Signer().signed(request, signing)
        #expect(message.url == "https://examplebucket.s3.amazonaws.com/test.txt")
        #expect(
            message.headers.last?.value
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    /// Cases that libcurl 7.88 signs rightly: sorted queries with values, encoded paths.
    @Test(arguments: [
        "/bucket/key", "/bucket/a%20b%2Bc%3D%C3%A9/%25", "/bucket?list-type=2&max-keys=7&prefix=a%2Fb",
        "/bucket?delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000&prefix=",
    ])
    func `libcurl comes to the same signature`(target: String) throws {
        let server = try RawServer.answering { _, _, connection in
            connection.respond(200)
            return false
        }
        let easy = try #require(curl_easy_init())
        defer { curl_easy_cleanup(easy) }
        alluxio_curl_set_text(easy, CURLOPT_URL, server.url + target)
        alluxio_curl_set_text(easy, CURLOPT_AWS_SIGV4, "aws:amz:eu-west-3:s3")
        alluxio_curl_set_text(easy, CURLOPT_USERPWD, "AKIAIOSFODNN7EXAMPLE:a/secret+key")
        #expect(curl_easy_perform(easy) == CURLE_OK)
        let lines = try #require(server.requests.first).split(separator: "\r\n").dropFirst()
        let fields = lines.map { line -> (name: String, value: String) in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (line[..<colon].lowercased(), String(line[colon...].dropFirst(2)))
        }
        let theirs = try #require(fields.first { $0.name == "authorization" }?.value)
        let date = try #require(fields.first { $0.name == "x-amz-date" }?.value)
        let names = try #require(theirs.split(separator: "SignedHeaders=").last).prefix { $0 != "," }
        let signed = names.split(separator: ";").compactMap { name in fields.first { $0.name == name } }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let request = SigV4Request(
            method: "GET",
            path: Array(parts[0].utf8),
            query: Array((parts.count > 1 ? parts[1] : "").utf8),
            headers: signed,
            payloadHash: SigV4Request.emptyPayloadHash
        )
        let ours = SigV4Signer().authorization(
            for: request,
            credentials: Credentials(accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a/secret+key"),
            region: "eu-west-3",
            date: Array(date.utf8)
        )
        #expect(ours.suffix(64) == theirs.suffix(64))
    }

    @Test func `a query is in the order and form that the signature wants`() {
        let request = S3Request(
            listing: Array("a b/ü+&=".utf8),
            isDirectory: true,
            entriesMaximum: 1000,
            token: "t/=+"
        )
        #expect(
            String(decoding: request.query, as: UTF8.self)
                == "continuation-token=t%2F%3D%2B&delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000"
                + "&prefix=a%20b%2F%C3%BC%2B%26%3D"
        )
    }

    @Test func `dates are read and written`() {
        #expect(CivilTime.amazon(1_369_353_600) == Array("20130524T000000Z".utf8))
        #expect(CivilTime.amazon(951_782_399) == Array("20000228T235959Z".utf8))
        #expect(CivilTime.amazon(951_782_400) == Array("20000229T000000Z".utf8))
        #expect(CivilTime.parseISO8601(Array("2009-10-12T17:50:30.999Z".utf8)) == 1_255_369_830)
        #expect(CivilTime.parseHTTP(Array("Mon, 12 Oct 2009 17:50:30 GMT".utf8)) == 1_255_369_830)
        for bad in ["", "2009", "2009-13-12T17:50:30Z", "x009-10-12T17:50:30Z", "2009-10-12 17:50:30"] {
            #expect(CivilTime.parseISO8601(Array(bad.utf8)) == nil, "\(bad)")
        }
        for bad in ["", ",", "Mon, 12 Okt 2009 17:50:30 GMT", "Mon, 12 Oct 2009 17:5"] {
            #expect(CivilTime.parseHTTP(Array(bad.utf8)) == nil, "\(bad)")
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let second = Int64.random(in: 0..<4_000_000_000, using: &random)
            let text = String(decoding: CivilTime.amazon(second), as: UTF8.self)
            let digits = text.filter(\.isNumber).map(String.init)
            func part(_ range: Range<Int>) -> String { digits[range].joined() }
            let iso =
                "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T"
                + "\(part(8..<10)):\(part(10..<12)):\(part(12..<14))Z"
            #expect(CivilTime.parseISO8601(Array(iso.utf8)) == second)
        }
    }
}
