import NIOHTTP1
import Pages
import Testing

@testable import Servers

@Suite struct TargetTests {
    @Test func `a templated parameter keeps its plus and loses its percent escapes`() {
        let target = RequestTarget("/v1/range/id?ufsFullPath=s3://b/a+b%20c%2Bd&offset=7")
        #expect(target.value("ufsFullPath") == Array("s3://b/a+b c+d".utf8))
        #expect(target.text("offset") == "7")
        let encoded = RequestTarget("/v1/range/id?ufsFullPath=s3%3A%2F%2Fb%2Fa+b")
        #expect(encoded.value("ufsFullPath") == Array("s3://b/a+b".utf8))
    }

    @Test func `a form-encoded path has blanks for its pluses, a raw one does not`() {
        #expect(
            RequestTarget("/v1/files?path=s3%3A%2F%2Fb%2Fa+b%2Bc").formValue("path")
                == Array("s3://b/a b+c".utf8)
        )
        #expect(RequestTarget("/v1/files?path=s3://b/a+b").formValue("path") == Array("s3://b/a+b".utf8))
    }

    @Test func `a value may contain equal signs and bytes that are no text`() {
        let target = RequestTarget("/x?a=b=c&d=%ff%zz&e=&f")
        #expect(target.text("a") == "b=c")
        #expect(target.value("d") == [0xFF] + Array("%zz".utf8))
        #expect(target.value("e") == nil)
        #expect(target.has("f"))
        #expect(!target.has("g"))
    }

    @Test func `an absolute target is taken apart like a relative one`() {
        let parts = RequestTarget("http://h:1/v1/health?x=1").components
        #expect(parts == [Array("v1".utf8), Array("health".utf8)])
    }

    @Test(
        arguments: [
            ("/health", WorkerResponder.Endpoint.health), ("/v7/health", .health),
            ("/v1/file/ab/page/3", .page(id: Array("ab".utf8), index: Array("3".utf8))),
            ("/v1/range/ab", .range(id: Array("ab".utf8))), ("/v1/rm/ab", .change(.rm, id: Array("ab".utf8))),
        ]
    )
    func `paths lead to endpoints`(_ path: String, _ endpoint: WorkerResponder.Endpoint) {
        #expect(WorkerResponder.Endpoint(RequestTarget(path).components) == endpoint)
    }

    @Test(arguments: ["/", "/v1", "/v1/nothing", "/v1/file/ab/page", "/v1/range", "/v1/health/more"])
    func `other paths lead nowhere`(_ path: String) {
        #expect(WorkerResponder.Endpoint(RequestTarget(path).components) == nil)
    }

    @Test func `a range header is one range, or it is ignored`() {
        #expect(ByteRange("bytes=2-5", size: 10) == .part(Span(offset: 2, count: 4)))
        #expect(ByteRange("bytes=2-", size: 10) == .part(Span(offset: 2, count: 8)))
        #expect(ByteRange("bytes=-3", size: 10) == .part(Span(offset: 7, count: 3)))
        #expect(ByteRange("bytes=-30", size: 10) == .part(Span(offset: 0, count: 10)))
        #expect(ByteRange("bytes=9-99999999999999999999", size: 10) == .part(Span(offset: 9, count: 1)))
        #expect(ByteRange("bytes=10-", size: 10) == .unsatisfiable)
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=5-2", size: 10) == .whole)
        #expect(ByteRange("bytes=0-1,3-4", size: 10) == .whole)
        #expect(ByteRange("lines=1-2", size: 10) == .whole)
        #expect(ByteRange(nil, size: 10) == .whole)
    }

    @Test func `times look as HTTP and S3 want them`() {
        #expect(HTTPDate.header(1_255_369_800) == "Mon, 12 Oct 2009 17:50:00 GMT")
        #expect(HTTPDate.iso8601(1_255_369_805) == "2009-10-12T17:50:05.000Z")
    }

    @Test func `a file id is the SHA-256 of the address`() throws {
        let address = Array("s3://my-bucket/path/to/mount/file-000.bin".utf8)
        let text = "b30c77870f021b8648ce062fce825dd98ab1160122930e93f243324da2bbf0eb"
        #expect(FileID(of: address).text == text)
        #expect(FileID(Array(text.utf8)) == FileID(of: address))
        #expect(FileID(Array("b30c".utf8)) == nil)
    }

    @Test func `an id that a client claims for an address is believed only if it is right`() {
        let known = KnownFiles()
        let (address, other) = (Array("s3://b/file".utf8), Array("s3://b/other".utf8))
        known.learn(address, claimed: FileID(of: other))
        #expect(known.address(of: FileID(of: other)) == nil)
        #expect(known.address(of: FileID(of: address)) == address)
        known.learn(other, claimed: FileID(of: address))
        #expect(known.address(of: FileID(of: address)) == address)
        #expect(known.address(of: FileID(of: other)) == other)
    }

    @Test func `several spans are at most 64 and 8 MiB`() throws {
        #expect(
            try RequestedSpans.parse("0-4,100-20") == [
                Span(offset: 0, count: 4), Span(offset: 100, count: 20),
            ]
        )
        let many = (0..<65).map { "\($0)-1" }.joined(separator: ",")
        #expect(throws: HTTPFailure.self) { try RequestedSpans.parse(many) }
        #expect(throws: HTTPFailure.self) { try RequestedSpans.parse("0-8388609") }
        #expect(throws: HTTPFailure.self) { try RequestedSpans.parse("0-8388608,0-1") }
        #expect(throws: HTTPFailure.self) { try RequestedSpans.parse("-1-4") }
        #expect(throws: HTTPFailure.self) { try RequestedSpans.parse("9223372036854775807-4") }
    }

    @Test func `how old metadata may be is read from Cache-Control`() {
        #expect(MetadataAge(cacheControl: nil) == .usual)
        #expect(MetadataAge(cacheControl: "max-age=0") == .atMost(.zero))
        #expect(MetadataAge(cacheControl: "private, max-age=2.5") == .atMost(.milliseconds(2500)))
        #expect(MetadataAge(cacheControl: "no-cache") == .atMost(.zero))
    }

    @Test func `lengths for people have two decimals`() {
        #expect(FileStatusText.readable(0) == "0B")
        #expect(FileStatusText.readable(77542) == "75.72KB")
        #expect(FileStatusText.readable(1 << 30) == "1.00GB")
    }

    @Test func `JSON escapes what must be escaped`() {
        let text = JSONDocument.object([("a\"b", .string("x\\y\n\u{1}ü")), ("n", .number(-3))]).encoded
        #expect(String(decoding: text, as: UTF8.self) == #"{"a\"b":"x\\y\n\u0001ü","n":-3}"#)
    }
}
