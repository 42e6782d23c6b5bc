import Testing

@testable import Settings

@Suite struct AddressAndFailureTests {
    @Test func exitCodesAreThoseOfMountWhenItCalls() {
        #expect(Failure("x").exitCode(asMountHelper: true) == 32)
        #expect(Failure.usage("x").exitCode(asMountHelper: true) == 1)
        #expect(Failure("x").exitCode(asMountHelper: false) == 1)
        #expect(Failure.usage("x").exitCode(asMountHelper: false) == 2)
        #expect(Failure("a\nb\r\nc").message == "a b c")
    }

    @Test(arguments: [
        ("s3://b", "s3://b"), ("s3://b/", "s3://b"), ("s3a://b//p/q//", "s3a://b/p/q"),
        ("file:///", "file:///"),
        ("file:///a/b/", "file:///a/b"), ("S3://b", "s3://b"), ("s3://b/a b%20+ä", "s3://b/a b%20+ä"),
    ])
    func addressesAreRead(text: String, shown: String) throws {
        #expect(try UFSAddress(text).description == shown)
    }

    @Test(arguments: [
        "", "/dir", "s3://", "s3:///p", "s3://b c", "gs://b", "alluxio://m/", "file://host/x", "file://", "b",
    ])
    func otherAddressesAreRefusedWithWhatThereIs(text: String) {
        do {
            _ = try UFSAddress(text)
            Issue.record("accepted")
        } catch {
            #expect(error.message.contains("s3://") || error.message.contains("file:///"))
        }
    }
}
