import HTTPTransport
import Pages
import Testing

@testable import ObjectStore

struct S3RetryTests {
    private func retry(_ change: (inout S3RetryLimits) -> Void = { _ in }) -> S3Retry {
        var limits = S3RetryLimits()
        change(&limits)
        return S3Retry(limits: limits, object: "s3://b/k")
    }

    private func refusal(_ status: Int, _ code: String = "", region: String? = nil, date: Int64? = nil)
        -> S3Failure
    {
        var answer = S3Answer(status: status, code: code)
        answer.region = region
        answer.date = date
        return .refused(answer)
    }

    private func step(_ retry: inout S3Retry, _ failure: S3Failure, after seconds: Double = 0) -> S3Retry.Step
    {
        retry.step(after: failure, elapsed: .seconds(seconds), hasProgressed: false, random: 0.5)
    }

    @Test func `waits grow to the maximum and are spread by half`() {
        var retry = retry()
        var waits: [Duration] = []
        for _ in 0..<8 {
            guard case .again(let wait) = step(&retry, refusal(503, "SlowDown")) else { break }
            waits.append(wait)
        }
        #expect(waits == [75, 150, 300, 600, 1200, 2400, 3750, 3750].map { Duration.milliseconds($0) })
        var other = self.retry()
        let least = other.step(after: refusal(500), elapsed: .zero, hasProgressed: false, random: 0)
        #expect(least == .again(after: .milliseconds(50)))
    }

    @Test(arguments: [
        S3Failure.transport(.broken("x")), .transport(.timedOut("x")), .transport(.cannotConnect("x")),
        .refused(S3Answer(status: 500)), .refused(S3Answer(status: 502)), .refused(S3Answer(status: 504)),
        .refused(S3Answer(status: 429)), .refused(S3Answer(status: 400, code: "RequestTimeout")),
    ])
    func `what may pass is tried again`(failure: S3Failure) {
        var retry = retry()
        guard case .again = step(&retry, failure) else {
            Issue.record("\(failure) is not tried again")
            return
        }
    }

    @Test func `a verdict is not tried again`() {
        let cases: [(S3Failure, StoreError)] = [
            (refusal(404, "NoSuchKey"), .notFound), (refusal(412, "PreconditionFailed"), .stale),
            (refusal(416, "InvalidRange"), .stale), (.final(.cancelled), .cancelled),
            (refusal(403, "AccessDenied"), .denied("s3://b/k: status 403, AccessDenied")),
            (.malformed("x"), .corrupt("s3://b/k: x")), (refusal(501), .unsupported("s3://b/k: status 501")),
            (.credentials(.notFound("x")), .denied("s3://b/k: no credentials: x")),
            (refusal(400, "InvalidRequest"), .unavailable("s3://b/k: status 400, InvalidRequest")),
            (refusal(404, "NoSuchBucket"), .unavailable("s3://b/k: the bucket does not exist")),
        ]
        for (failure, error) in cases {
            var retry = retry()
            #expect(step(&retry, failure) == .giveUp(error))
        }
        var retry = retry()
        guard case .giveUp(.archived(let text)) = step(&retry, refusal(403, "InvalidObjectState")) else {
            Issue.record("an archived object has its own error")
            return
        }
        #expect(text.contains("s3://b/k"))
    }

    @Test func `the deadline ends waiting, and no wait goes past it`() {
        var retry = retry { $0.totalDeadline = .seconds(10) }
        for _ in 0..<20 { _ = step(&retry, refusal(503)) }
        guard case .giveUp(.unavailable) = step(&retry, refusal(503), after: 9.9) else {
            Issue.record("goes on past the deadline")
            return
        }
    }

    @Test func `the number of fruitless attempts is limited, and progress starts it anew`() {
        var retry = retry { $0.retriesMaximum = 2 }
        #expect(step(&retry, refusal(503)) == .again(after: .milliseconds(75)))
        #expect(step(&retry, refusal(503)) == .again(after: .milliseconds(150)))
        #expect(
            retry.step(after: refusal(503), elapsed: .zero, hasProgressed: true, random: 0.5)
                == .again(after: .milliseconds(75))
        )
        _ = step(&retry, refusal(503))
        _ = step(&retry, refusal(503))
        guard case .giveUp = step(&retry, refusal(503)) else {
            Issue.record("goes on past the limit")
            return
        }
    }

    @Test func `region, clock and credentials are corrected once each`() {
        var retry = retry()
        let moved = refusal(301, "PermanentRedirect", region: "eu-west-1")
        guard case .relocate = step(&retry, moved) else {
            Issue.record("the region is not learnt")
            return
        }
        guard case .giveUp(.unavailable) = step(&retry, moved) else {
            Issue.record("redirects loop")
            return
        }
        #expect(step(&retry, refusal(403, "RequestTimeTooSkewed", date: 5)) == .correctClock(serverTime: 5))
        guard case .giveUp(.denied) = step(&retry, refusal(403, "RequestTimeTooSkewed", date: 5)) else {
            Issue.record("the clock is corrected twice")
            return
        }
        #expect(step(&retry, refusal(400, "ExpiredToken")) == .refreshCredentials)
        guard case .giveUp(.denied) = step(&retry, refusal(400, "ExpiredToken")) else {
            Issue.record("credentials are refreshed twice")
            return
        }
    }

    @Test func `regions are found in host names`() {
        let hosts = [
            ("bucket.s3.eu-west-1.amazonaws.com", "eu-west-1"),
            ("https://s3.us-west-2.amazonaws.com/", "us-west-2"),
            ("b.s3-ap-south-1.amazonaws.com", "ap-south-1"),
            ("b.s3.dualstack.eu-north-1.amazonaws.com", "eu-north-1"),
            ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ]
        for (host, region) in hosts { #expect(S3Endpoint.region(inHost: host) == region, "\(host)") }
        for host in ["s3.amazonaws.com", "b.s3.amazonaws.com", "minio.example", ""] {
            #expect(S3Endpoint.region(inHost: host) == nil, "\(host)")
        }
    }

    @Test func `endpoints are addressed by path or by host`() throws {
        func authority(_ bucket: String, _ endpoint: String?, _ path: Bool?, region: String? = nil) throws
            -> String
        {
            var options = S3Options(bucket: bucket)
            options.endpoint = endpoint
            options.usesPathStyle = path
            options.region = region
            let made = try S3Endpoint(options)
            return "\(made.scheme)://\(made.authority)\(String(decoding: made.basePath, as: UTF8.self))"
        }
        #expect(try authority("b", nil, nil) == "https://b.s3.us-east-1.amazonaws.com")
        #expect(try authority("b.c", nil, nil) == "https://s3.us-east-1.amazonaws.com/b.c")
        #expect(
            try authority("b", nil, nil, region: "cn-north-1") == "https://b.s3.cn-north-1.amazonaws.com.cn"
        )
        #expect(try authority("b", "http://h:9000/", nil) == "http://h:9000/b")
        #expect(try authority("b", "http://h:80", false) == "http://b.h")
        #expect(try authority("b", "https://h:443/s3/", nil) == "https://h/s3/b")
        #expect(try authority("b", "h:9000", nil) == "https://h:9000/b")
        #expect(try authority("b", "http://[::1]:9000", nil) == "http://[::1]:9000/b")
        for bad in [
            "ftp://h", "http://", "http://h:0", "http://h:x", "http://u@h", "http://h?x", "http://a b",
        ] {
            #expect(throws: S3OptionsError.self) { try authority("b", bad, nil) }
        }
        #expect(throws: S3OptionsError.self) { try authority("b", nil, nil, region: "a/b") }
    }

    @Test func `addresses of users are read`() throws {
        let options = try S3Options(uri: "s3a://bucket/some//prefix/")
        #expect(options.scheme == "s3a")
        #expect(options.bucket == "bucket")
        #expect(options.prefix == Array("some//prefix".utf8))
        #expect(try S3Options(uri: "s3://bucket").prefix.isEmpty)
        for bad in ["bucket", "s3:/x", "s3://", "http://h", "s3:///key", "s3://a b/c"] {
            #expect(throws: S3OptionsError.self) { try S3Options(uri: bad) }
        }
    }
}
