import Foundation
import Testing

@testable import ObjectStore

@Suite struct ProfileProviderTests {
    private let scratch: ScratchDirectory

    init() throws {
        scratch = try ScratchDirectory()
    }

    private func environment(_ more: [String: String] = [:]) -> [String: String] {
        ["HOME": scratch.path, "PATH": "/usr/bin:/bin"].merging(more) { $1 }
    }

    private func provider(_ more: [String: String] = [:], profile: String? = nil) -> ProfileProvider {
        let environment = environment(more)
        return ProfileProvider(
            configuration: SharedConfiguration(environment: environment, profile: profile),
            environment: environment
        )
    }

    private func keys(_ id: String, token: String? = nil) -> Credentials {
        Credentials(accessKeyID: id, secretAccessKey: "s", sessionToken: token)
    }

    @Test func theCredentialsFileWinsOverTheConfigFile() throws {
        try scratch.write("[default]\naws_access_key_id=a\naws_secret_access_key=s\n", to: ".aws/credentials")
        try scratch.write(
            "[default]\naws_access_key_id=b\naws_secret_access_key=t\nregion=eu-west-1\n",
            to: ".aws/config"
        )
        #expect(try provider().fetch().credentials == keys("a"))
        #expect(try SharedConfiguration(environment: environment()).profile()?.region == "eu-west-1")
    }

    @Test func namedProfilesAreFoundInBothFormsAndByVariable() throws {
        let both = "aws_access_key_id=%\naws_secret_access_key=s\naws_session_token=t\n"
        let one = both.replacingOccurrences(of: "%", with: "one")
        let two = both.replacingOccurrences(of: "%", with: "two")
        try scratch.write("[one]\n\(one)", to: ".aws/credentials")
        try scratch.write("[profile two]\n\(two)[three]\n\(two)", to: ".aws/config")
        #expect(try provider(["AWS_PROFILE": "one"]).fetch().credentials == keys("one", token: "t"))
        #expect(
            try provider(["AWS_PROFILE": "one"], profile: "two").fetch().credentials
                == keys("two", token: "t")
        )
        let missing = failureText { () throws(CredentialsError) in try provider(profile: "three").fetch() }
        #expect(missing.contains("'three'") && missing.contains("\(scratch.path)/.aws/config"))
    }

    @Test func theFilesMayLieElsewhere() throws {
        let path = try scratch.write(
            "[default]\naws_access_key_id=x\naws_secret_access_key=s\n",
            to: "my keys"
        )
        #expect(try provider(["AWS_SHARED_CREDENTIALS_FILE": path]).fetch().credentials == keys("x"))
        #expect(try provider(["AWS_SHARED_CREDENTIALS_FILE": "~/my keys"]).fetch().credentials == keys("x"))
    }

    @Test func noFilesAreAnAbsenceThatNamesThem() throws {
        guard case .absent(let why) = try provider().fetch() else {
            Issue.record("found something")
            return
        }
        #expect(why.contains("\(scratch.path)/.aws/credentials"))
    }

    @Test func aChangedFileIsReadAgain() throws {
        let provider = provider()
        try scratch.write("[default]\naws_access_key_id=a\naws_secret_access_key=s\n", to: ".aws/credentials")
        #expect(try provider.fetch().credentials == keys("a"))
        try scratch.write("[default]\naws_access_key_id=b\naws_secret_access_key=s\n", to: ".aws/credentials")
        #expect(try provider.fetch().credentials == keys("b"))
    }

    @Test func aFileThatCannotBeReadIsAnErrorWithItsPath() throws {
        try FileManager.default.createDirectory(
            atPath: "\(scratch.path)/.aws/credentials",
            withIntermediateDirectories: true
        )
        let error = failureText { () throws(CredentialsError) in try provider().fetch() }
        #expect(error == "\(scratch.path)/.aws/credentials is not a regular file")
        let large = [UInt8](repeating: UInt8(ascii: "\n"), count: (1 << 20) + 1)
        let path = try scratch.write(large, to: "large")
        let tooLarge = failureText { () throws(CredentialsError) in
            try provider(["AWS_SHARED_CREDENTIALS_FILE": path]).fetch()
        }
        #expect(tooLarge.contains("larger than 1 MiB"))
    }

    @Test func halfAKeyIsAnError() throws {
        try scratch.write("[default]\naws_access_key_id=a\n", to: ".aws/credentials")
        let error = failureText { () throws(CredentialsError) in try provider().fetch() }
        #expect(error.contains("aws_secret_access_key"))
    }

    @Test(arguments: [
        "role_arn=r\nsource_profile=base\n", "role_arn=r\ncredential_source=Environment\n",
        "sso_session=mine\nsso_account_id=1\n", "sso_start_url=https://x\n",
    ])
    func whatNeedsSignedCallsIsRefusedWithARemedy(_ properties: String) throws {
        try scratch.write("[profile p]\n\(properties)", to: ".aws/config")
        let error = failureText { () throws(CredentialsError) in try provider(profile: "p").fetch() }
        #expect(
            error.contains("not supported") && error.contains("export-credentials --profile p"),
            "\(error)"
        )
    }

    @Test func aCommandOfTheProfileIsRun() throws {
        let json = #"{"Version": 1, "AccessKeyId": "c", "SecretAccessKey": "s", "SessionToken": "t", "#
        let expiration = #""Expiration": "2030-01-01T00:00:00Z"}"#
        try scratch.write(json + expiration, to: "answer")
        try scratch.write(
            "[profile p]\ncredential_process = cat \"$HOME/answer\" # ; mine\n",
            to: ".aws/config"
        )
        let expected = Credentials(
            accessKeyID: "c",
            secretAccessKey: "s",
            sessionToken: "t",
            expires: 1_893_456_000
        )
        #expect(try provider(profile: "p").fetch().credentials == expected)
    }

    @Test func endpointsComeFromTheServicesSectionFirst() throws {
        try scratch.write(
            """
            [profile p]
            endpoint_url = http://all:1
            services = mine
            [services mine]
            s3 =
              endpoint_url = http://s3:2
            """,
            to: ".aws/config"
        )
        let profile = try SharedConfiguration(environment: environment(), profile: "p").profile()
        #expect(profile?.endpointURL(of: "s3") == "http://s3:2")
        #expect(profile?.endpointURL(of: "sts") == "http://all:1")
    }
}
