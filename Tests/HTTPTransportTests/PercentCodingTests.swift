import HTTPTransport
import Testing

@Suite("Percent-encoding")
struct PercentCodingTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func `every byte comes back from its encoded form`() throws {
        for keepsSlash in [false, true] {
            let encoded = PercentCoding.encoded(0...255, keepsSlash: keepsSlash)
            var bytes: [UInt8] = []
            try PercentCoding.appendDecoded(encoded[...], to: &bytes)
            #expect(bytes == Array(0...255))
            #expect(PercentCoding.lenientlyDecoded(encoded[...], plusIsBlank: true) == Array(0...255))
        }
    }

    @Test func `only the unreserved bytes of RFC 3986 stay, and the slash of a path`() {
        let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
        let kept = (0...255).filter { PercentCoding.encoded([$0]) == [$0] }
        #expect(kept == unreserved.utf8.sorted())
        #expect(text(PercentCoding.encoded("a/b +é".utf8)) == "a%2Fb%20%2B%C3%A9")
        #expect(text(PercentCoding.encoded("a/b +é".utf8, keepsSlash: true)) == "a/b%20%2B%C3%A9")
        #expect(PercentCoding.encoded([]) == [])
    }

    @Test(arguments: [("%", 0), ("a%4", 1), ("%zz", 0), ("%41%4g", 3), ("%%41", 0), ("100%", 3)])
    func `half an escape is refused with its place, or stands for itself`(half: String, offset: Int) {
        // A slice that does not begin at 0: the place counts from its beginning.
        let encoded = Array("--\(half)".utf8)[2...]
        var bytes: [UInt8] = []
        let error = #expect(throws: PercentCoding.MalformedEscape.self) {
            try PercentCoding.appendDecoded(encoded, to: &bytes)
        }
        #expect(error?.offset == offset)
        #expect(error.map { "\($0)".contains("at byte \(offset);") } == true)
        let kept = half.replacing("%41", with: "A")
        #expect(text(PercentCoding.lenientlyDecoded(encoded)) == kept)
    }

    @Test func `a plus is a blank in a form only, and digits may have either case`() throws {
        let encoded = Array("a+b%2Bc%2f".utf8)[...]
        var bytes: [UInt8] = []
        try PercentCoding.appendDecoded(encoded, to: &bytes)
        #expect(text(bytes) == "a+b+c/")
        #expect(text(PercentCoding.lenientlyDecoded(encoded)) == "a+b+c/")
        #expect(text(PercentCoding.lenientlyDecoded(encoded, plusIsBlank: true)) == "a b+c/")
    }
}
