import TestServers
import Testing

@Suite("alluxio fs check", .timeLimit(.minutes(5)))
struct FsCheckTests {
    private func run(_ words: [String]) throws -> AlluxioRun {
        let weed = try WeedServer.shared()
        let settings = [
            "alluxio.underfs.s3.endpoint=\(weed.endpoint)", "alluxio.underfs.s3.region=us-east-1",
            "s3a.accessKeyId=testkey", "s3a.secretKey=testsecret",
        ]
        return try AlluxioRun(["fs", "check"] + settings.flatMap { ["-D", $0] } + words)
    }

    @Test func aPlainBucketHasNothingToBeFound() throws {
        let (bucket, upload) = try WeedServer.shared().freshBucket("plain")
        try upload.put([1], to: Array("d/file".utf8))
        let run = try run(["s3://\(bucket)"])
        #expect(run.output == "")
        #expect(run.errors == "")
        #expect(run.code == 0)
    }

    @Test func aBrokenAttributeObjectIsReportedAndLeftAlone() throws {
        let (bucket, upload) = try WeedServer.shared().freshBucket("broken")
        try upload.put([1, 2, 3], to: Array("d/.alluxio.attributes".utf8))
        for words in [[], ["--repair"]] {
            let run = try run(words + ["s3://\(bucket)"])
            #expect(
                run.output == #"{"kind":"unreadable","uri":"s3://\#(bucket)/d/.alluxio.attributes","#
                    + #""text":"it is no attribute object","repaired":false}"# + "\n"
            )
            #expect(run.errors.contains("not repaired: 1"))
            #expect(run.code == 1)
        }
    }

    @Test func onlyBucketsHaveAttributeObjects() throws {
        let run = try run(["file:///tmp"])
        #expect(run.output == "")
        #expect(run.errors.contains("s3://bucket/prefix"))
        #expect(run.code == 2)
    }
}
