import SeededRandom
import Testing

@testable import ObjectStore

@Suite struct CredentialsValuesTests {
    private let keys = Credentials(
        accessKeyID: "AKIAEXAMPLEKEY01",
        secretAccessKey: "the-secret",
        sessionToken: "the-token",
        expires: 7
    )

    @Test func noWayOfPrintingShowsSecrets() {
        var dumped = ""
        dump(keys, to: &dumped)
        dump([keys], to: &dumped)
        let optional: Credentials? = keys
        let shown = [
            "\(keys)", String(describing: optional), String(reflecting: keys), "\([keys])", dumped,
            "\(ProviderAnswer.found(keys))", "\(RefreshState.Decision.use(keys))",
        ]
        for text in shown {
            #expect(!text.contains("the-secret") && !text.contains("the-token"), "\(text)")
            #expect(!text.contains("AKIAEXAMPLE"))
            #expect(text.contains("EY01"))
        }
    }

    @Test func aShortKeyNameIsMaskedWhole() {
        #expect(
            "\(Credentials(accessKeyID: "short", secretAccessKey: "x"))" == "Credentials(accessKeyID: ****)"
        )
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:34:56Z", 951_827_696),
            ("2038-01-19T03:14:08Z", 2_147_483_648),
            ("2030-01-01T00:00:00.123456Z", 1_893_456_000), ("2030-01-01T01:00:00+01:00", 1_893_456_000),
            ("2029-12-31T18:30:00-0530", 1_893_456_000), ("2030-01-01 00:00:00", 1_893_456_000),
            ("1969-12-31T23:59:59Z", -1), ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] as [(String, Int64)]
    )
    func timesAreRead(_ text: String, _ seconds: Int64) {
        #expect(Timestamp.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "2030", "2030-13-01T00:00:00Z", "2030-00-01T00:00:00Z", "2030-01-01T24:00:00Z",
        "2030-01-01T00:00Z",
        "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00+1", "2030-01-01T00:00:00Zjunk", "x030-01-01T00:00:00Z",
        "2030-01-01T00:00:00+99:00", "１０３０-01-01T00:00:00Z",
    ])
    func whatIsNoTimeIsNil(_ text: String) {
        #expect(Timestamp.seconds(text) == nil)
    }

    @Test func keysNeedBothHalves() throws {
        let name = "AWS_ACCESS_KEY_ID"
        let secret = "AWS_SECRET_ACCESS_KEY"
        #expect(
            failureText { () throws(CredentialsError) in
                try KeysProvider.environment([name: "a"]).fetch()
            }.contains("\(secret) is not")
        )
        #expect(
            failureText { () throws(CredentialsError) in
                try KeysProvider.environment([secret: "a", name: ""]).fetch()
            }.contains("\(name) is not")
        )
        let whole = try KeysProvider.environment([name: "a", secret: "b", "AWS_SESSION_TOKEN": ""]).fetch()
        #expect(whole.credentials == Credentials(accessKeyID: "a", secretAccessKey: "b"))
        #expect(try KeysProvider.settings(id: nil, secret: "", token: "t").fetch().credentials == nil)
    }

    @Test(arguments: [
        ("not json", "not the JSON"), ("[]", "not the JSON"), (#"{"Version": 2}"#, "Version 2"),
        (#"{"AccessKeyId": "a"}"#, "Version none"),
        (#"{"Version": 1, "SecretAccessKey": "s"}"#, "AccessKeyId"),
        (#"{"Version": 1, "AccessKeyId": "a"}"#, "SecretAccessKey"),
        (#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "sss", "Expiration": "soon"}"#, "soon"),
    ])
    func anOutputThatIsWrongNamesWhatIsMissing(_ text: String, _ part: String) {
        let error = failureText { () throws(CredentialsError) in
            try CredentialsJSON.process(Array(text.utf8), from: "the process")
        }
        #expect(error.contains(part) && error.contains("the process") && !error.contains("sss"), "\(error)")
    }

    @Test func anyBytesGiveAnAnswerOrAnError() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("credential documents: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let json = #"{"Version":1,"Code":"Success","AccessKeyId":"a","SecretAccessKey":"s","Token":"t","#
        let documents = [
            json + #""Expiration":"2030-01-01T00:00:00Z"}"#,
            "<R><Credentials><AccessKeyId>a</AccessKeyId><Expiration>2030-01-01T00:00:00Z</Expiration></R>",
        ].map { Array($0.utf8) }
        for _ in 0..<3000 {
            var bytes = documents.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? CredentialsJSON.service(bytes, from: "test")
            _ = try? CredentialsJSON.process(bytes, from: "test")
            _ = CredentialsJSON.errorText(bytes)
            _ = STSAnswer(bytes)["AccessKeyId"]
            _ = Timestamp.seconds(String(decoding: bytes.suffix(25), as: UTF8.self))
        }
    }
}
