import HTTPTransport
import Testing

@testable import ObjectStore

private let document = """
    {"Code": "Success", "AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t", \
    "Expiration": "2030-01-01T00:00:00Z", "RoleArn": "arn"}
    """
private let expected = Credentials(
    accessKeyID: "a",
    secretAccessKey: "s",
    sessionToken: "t",
    expires: 1_893_456_000
)

@Suite struct ContainerProviderTests {
    private func fetch(
        _ environment: [String: String],
        _ exchange: ScriptedExchange
    ) throws(CredentialsError) -> ProviderAnswer {
        try ContainerProvider(environment: environment, client: .impatient(exchange)).fetch()
    }

    private let answering = ScriptedExchange { (_) throws(TransportError) in response(200, document) }

    @Test func aRelativeAddressIsAskedOfTheAgent() throws {
        let answer = try fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x?id=1"], answering)
        #expect(answer.credentials == expected)
        #expect(answering.requests.map(\.url) == ["http://169.254.170.2/v2/x?id=1"])
        #expect(answering.requests.first?.header("authorization") == nil)
    }

    @Test func theTokenFileIsReadEveryTimeAndWinsOverTheToken() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.write("first\n", to: "token")
        let environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path,
        ]
        _ = try fetch(environment, answering)
        try scratch.write("second", to: "token")
        _ = try fetch(environment, answering)
        #expect(answering.requests.map { $0.header("Authorization") } == ["first", "second"])
    }

    @Test(arguments: ["", " \n", "a b", "a\r\nHost: x", "\u{E9}"])
    func aTokenThatIsNoneIsAnError(_ token: String) throws {
        let path = try ScratchDirectory().write(token, to: "token")
        let error = failureText { () throws(CredentialsError) in
            try fetch(
                [
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path,
                ],
                answering
            )
        }
        #expect(error.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
        #expect(answering.requests.isEmpty)
    }

    @Test(arguments: [
        "https://anyone.example/x", "http://127.0.0.1:8080/x", "http://127.9.9.9", "http://localhost/x",
        "http://[::1]:80/x", "http://169.254.170.2/x", "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/x", "HTTP://[FD00:EC2::23]/x",
    ])
    func addressesThatStayOnTheMachineAreAllowed(_ url: String) {
        #expect(ContainerProvider.isAllowed(url))
    }

    @Test(arguments: [
        "", "http://", "http:///x", "https://", "ftp://127.0.0.1/x", "http://evil.example/x",
        "http://127.0.0.1@evil.example/x", "http://evil.example#127.0.0.1", "http://127.0.0.1.evil.example/x",
        "http://127.0.0.1\\@evil.example/", "http://169.254.169.254/x", "http://127.0.0.256/x",
        "http://127.1/x", "http://[::1/x", "http://[::2]/x", "http://127.0.0.1:80:x/",
        "http://localhost.evil/",
        "http://127.0.0.+1/", "file:///etc/passwd", "http://[::1]evil.example/",
    ])
    func otherAddressesAreRefusedUnasked(_ url: String) {
        #expect(!ContainerProvider.isAllowed(url))
        let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": url]
        _ = try? fetch(environment, answering)
        #expect(answering.requests.isEmpty)
    }

    @Test func aBusyServiceIsAskedThreeTimes() {
        let busy = ScriptedExchange { (_) throws(TransportError) in
            response(503, #"{"code": "SlowDown", "message": "later\n"}"#)
        }
        let error = failureText { () throws(CredentialsError) in
            try fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], busy)
        }
        #expect(busy.requests.count == 3)
        #expect(error.hasSuffix("answered 503: SlowDown: later "), "\(error)")
    }

    @Test func aRefusalIsNotRepeated() {
        let refusing = ScriptedExchange { (_) throws(TransportError) in response(403, "no") }
        _ = try? fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], refusing)
        #expect(refusing.requests.count == 1)
    }

    @Test(arguments: ["Token", "Expiration", "AccessKeyId", "SecretAccessKey"])
    func aDocumentWithoutAPartIsAnErrorThatNamesThePart(_ part: String) {
        let cut = document.replacing("\"\(part)\"", with: "\"Other\"")
        let exchange = ScriptedExchange { (_) throws(TransportError) in response(200, cut) }
        let error = failureText { () throws(CredentialsError) in
            try fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], exchange)
        }
        #expect(error.contains("without \(part)"), "\(error)")
    }
}

@Suite struct InstanceMetadataProviderTests {
    private func fetch(
        _ exchange: ScriptedExchange,
        _ environment: [String: String] = [:]
    ) throws(CredentialsError) -> ProviderAnswer {
        try InstanceMetadataProvider(environment: environment, client: .impatient(exchange)).fetch()
    }

    private func absence(_ exchange: ScriptedExchange, _ environment: [String: String] = [:]) throws -> String
    {
        guard case .absent(let why) = try fetch(exchange, environment) else { return "found" }
        return why
    }

    private static func service(token: Int = 200, roles: String? = "my-role\n") -> ScriptedExchange {
        ScriptedExchange { (request) throws(TransportError) in
            if request.method == "PUT" { return response(token, "the-token") }
            if request.url.hasSuffix("/security-credentials/") {
                return roles.map { response(200, $0) } ?? response(404)
            }
            return response(200, document)
        }
    }

    @Test func tokenRoleAndCredentialsAreAskedInTurn() throws {
        let service = Self.service()
        #expect(try fetch(service).credentials == expected)
        let base = "http://169.254.169.254/latest"
        #expect(
            service.requests.map { "\($0.method) \($0.url)" } == [
                "PUT \(base)/api/token", "GET \(base)/meta-data/iam/security-credentials/",
                "GET \(base)/meta-data/iam/security-credentials/my-role",
            ]
        )
        #expect(service.requests[0].header("X-aws-ec2-metadata-token-ttl-seconds") == "300")
        #expect(
            service.requests.dropFirst().allSatisfy { $0.header("X-aws-ec2-metadata-token") == "the-token" }
        )
    }

    @Test func theEndpointIsTheEnvironments() throws {
        let service = Self.service()
        _ = try fetch(service, ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"])
        _ = try fetch(service, ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"])
        let hosts = service.requests.filter { $0.method == "PUT" }.map(\.url)
        #expect(hosts == ["http://127.0.0.1:1/latest/api/token", "http://[fd00:ec2::254]/latest/api/token"])
    }

    @Test func aMachineWithoutTheServiceIsNoError() throws {
        #expect(try absence(.unreachable()).contains("nobody there"))
        #expect(try absence(Self.service(token: 403)).contains("403"))
        #expect(try absence(Self.service(roles: nil)) == "the instance has no role")
        #expect(try absence(Self.service(roles: "\n")) == "the instance has no role")
    }

    @Test func nothingIsAskedWhenItIsSwitchedOff() throws {
        let service = Self.service()
        #expect(try absence(service, ["AWS_EC2_METADATA_DISABLED": "TRUE"]).contains("DISABLED"))
        #expect(service.requests.isEmpty)
    }

    @Test func aRoleNameThatWouldChangeTheAddressIsRefused() {
        let error = failureText { () throws(CredentialsError) in try fetch(Self.service(roles: "../../x")) }
        #expect(error.contains("../../x"))
    }

    @Test func anErrorDocumentIsTold() {
        let failing = ScriptedExchange { (request) throws(TransportError) in
            if request.method == "PUT" { return response(200, "t") }
            if request.url.hasSuffix("/") { return response(200, "role") }
            return response(200, #"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "no\ntrust"}"#)
        }
        let error = failureText { () throws(CredentialsError) in try fetch(failing) }
        #expect(error.hasSuffix("AssumeRoleUnauthorizedAccess: no trust"))
    }
}

@Suite struct WebIdentityProviderTests {
    private let scratch: ScratchDirectory
    private let tokenPath: String
    private static let answer = """
        <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>
        <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
        <Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
        """
    private let answering = ScriptedExchange { (_) throws(TransportError) in response(200, Self.answer) }

    init() throws {
        scratch = try ScratchDirectory()
        tokenPath = try scratch.write("ey.J+/=\n", to: "token")
    }

    private func fetch(
        _ more: [String: String],
        _ exchange: ScriptedExchange,
        region: String? = nil,
        profile: String? = nil
    ) throws(CredentialsError) -> ProviderAnswer {
        let environment = ["HOME": scratch.path].merging(more) { $1 }
        return try WebIdentityProvider(
            environment: environment,
            usesEnvironment: profile == nil,
            configuration: SharedConfiguration(environment: environment, profile: profile),
            region: region,
            client: .impatient(exchange)
        ).fetch()
    }

    private var role: [String: String] {
        ["AWS_WEB_IDENTITY_TOKEN_FILE": tokenPath, "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"]
    }

    @Test func theRoleOfTheEnvironmentIsAssumed() throws {
        let answer = try fetch(role.merging(["AWS_ROLE_SESSION_NAME": "me"]) { $1 }, answering)
        #expect(answer.credentials == expected)
        let request = try #require(answering.requests.first)
        #expect(request.method == "POST" && request.url == "https://sts.amazonaws.com/")
        #expect(
            request.bodyText == "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                + "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
                + "&RoleSessionName=me&WebIdentityToken=ey.J%2B%2F%3D"
        )
    }

    @Test func theTokenFileIsReadEveryTime() throws {
        _ = try fetch(role, answering)
        try scratch.write("second", to: "token")
        _ = try fetch(role, answering)
        #expect(answering.requests.last?.bodyText.hasSuffix("WebIdentityToken=second") == true)
    }

    @Test func theRoleOfAProfileIsAssumed() throws {
        try scratch.write(
            "[profile p]\nrole_arn = arn:p\nweb_identity_token_file = \(tokenPath)\nregion = eu-west-1\n",
            to: ".aws/config"
        )
        #expect(try fetch(["AWS_ROLE_ARN": "x"], answering, profile: "p").credentials == expected)
        #expect(answering.requests.first?.url == "https://sts.eu-west-1.amazonaws.com/")
        #expect(
            answering.requests.first?.bodyText.contains("RoleArn=arn%3Ap&RoleSessionName=alluxio-fuse")
                == true
        )
    }

    @Test(arguments: [
        (["AWS_ENDPOINT_URL_STS": "http://a:1", "AWS_ENDPOINT_URL": "http://b"], "http://a:1/"),
        (["AWS_ENDPOINT_URL": "http://b/"], "http://b/"),
        (
            ["AWS_ENDPOINT_URL": "http://b", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"],
            "https://sts.amazonaws.com/"
        ),
        (
            ["AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "x"],
            "https://sts.eu-central-1.amazonaws.com/"
        ),
        (["AWS_DEFAULT_REGION": "cn-north-1"], "https://sts.cn-north-1.amazonaws.com.cn/"),
    ])
    func theEndpointIsTheEnvironmentsOrTheRegions(_ more: [String: String], _ url: String) throws {
        _ = try fetch(role.merging(more) { $1 }, answering)
        #expect(answering.requests.map(\.url) == [url])
    }

    @Test func aRefusalOfSTSIsToldWithoutTheToken() {
        let refusing = ScriptedExchange { (_) throws(TransportError) in
            response(
                400,
                "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message>"
            )
        }
        let error = failureText { () throws(CredentialsError) in try fetch(role, refusing) }
        #expect(
            error.hasSuffix("ExpiredTokenException: Token expired") && !error.contains("ey.J"),
            "\(error)"
        )
    }

    @Test func halfASetUpIsAnError() throws {
        let error = failureText { () throws(CredentialsError) in
            try fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": tokenPath], answering)
        }
        #expect(error.contains("AWS_ROLE_ARN is not"))
        let gone = failureText { () throws(CredentialsError) in
            try fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": "r"], answering)
        }
        #expect(gone.contains("/no/such") && gone.contains("does not exist"))
        #expect(try fetch(["AWS_ROLE_ARN": "r"], answering).credentials == nil)
    }

    @Test func aRegionThatWouldChangeTheHostIsRefused() {
        let error = failureText { () throws(CredentialsError) in
            try fetch(role, answering, region: "x.evil.example/")
        }
        #expect(error.contains("is no region"))
        #expect(answering.requests.isEmpty)
    }
}
