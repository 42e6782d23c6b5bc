import Foundation
import HTTPTransport
import Logging
import ObjectStore
import TestServers
import Testing

/// The whole chain over sockets: moto's STS, and a small server of IMDSv2, ECS and EKS as documented.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CredentialsServersTests {
    private static let metadata = Result { try MetadataServer() }
    private static let moto = Result { try MotoServer() }

    private func chain(_ environment: [String: String]) -> CredentialsChain {
        let options = HTTPTransportOptions()
        return CredentialsChain(
            options: CredentialsOptions(environment: environment),
            transport: HTTPTransport(options: options),
            metadata: HTTPTransport(options: CredentialsChain.metadataTransportOptions(from: options)),
            logger: .quiet
        )
    }

    @Test func aWebIdentityTokenIsTurnedIntoKeysByMoto() throws {
        let moto = try Self.moto.get()
        let scratch = try ScratchDirectory()
        let token = try scratch.write("a.web.token", to: "token")
        let chain = chain([
            "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_REGION": "eu-west-1",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader", "AWS_ROLE_SESSION_NAME": "mount",
            "AWS_ENDPOINT_URL_STS": moto.endpoint,
        ])
        let keys = try #require(try chain.credentials())
        #expect(keys.accessKeyID.hasPrefix("ASIA") && !keys.secretAccessKey.isEmpty)
        #expect(keys.sessionToken?.isEmpty == false)
        let lifetime = try #require(keys.expires) - Int64(time(nil))
        #expect((1800...7200).contains(lifetime), "\(lifetime) s")
        #expect(try chain.credentials() == keys)
    }

    @Test func theInstanceMetadataOfMotoIsRead() throws {
        let moto = try Self.moto.get()
        let keys = try chain(["AWS_EC2_METADATA_SERVICE_ENDPOINT": moto.endpoint]).credentials()
        #expect(keys?.accessKeyID == "test-key" && keys?.sessionToken == "test-session-token")
    }

    @Test func anInstanceIsAskedByItsSecondProtocol() throws {
        let server = try Self.metadata.get()
        let chain = chain(["AWS_EC2_METADATA_SERVICE_ENDPOINT": "\(server.endpoint)/imds"])
        let first = try #require(try chain.credentials())
        #expect(first.accessKeyID == "imds-1" && first.sessionToken == "token-1")
        chain.invalidate(first)
        #expect(try chain.credentials()?.accessKeyID == "imds-2")
    }

    @Test func aPodIsAskedWithItsTokenFile() throws {
        let server = try Self.metadata.get()
        let scratch = try ScratchDirectory()
        let path = try scratch.write("pod-token\n", to: "token")
        let environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(server.endpoint)/eks/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path,
        ]
        #expect(try chain(environment).credentials()?.accessKeyID.hasPrefix("eks-") == true)
        try scratch.write("wrong", to: "token")
        let error = failureText { () throws(CredentialsError) in try chain(environment).credentials() }
        #expect(error.contains("answered 403: AccessDenied: wrong token"), "\(error)")
    }

    @Test func nobodyHomeIsFoundOutInSeconds() throws {
        let clock = ContinuousClock()
        let start = clock.now
        // A port that nobody listens on, and an address that no packet comes back from.
        for endpoint in ["http://127.0.0.1:\(SupervisedProcess.freePorts(1)[0])", "http://192.0.2.1"] {
            let error = failureText { () throws(CredentialsError) in
                try chain(["AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint]).credentials()
            }
            #expect(error.hasPrefix("no credentials; tried") && error.contains(endpoint), "\(error)")
        }
        #expect(clock.now - start < .seconds(8))
    }

    @Test func metadataServicesAreNotAskedThroughAProxy() async throws {
        let endpoint = try Self.metadata.get().endpoint
        await #expect(processExitsWith: .success) { [endpoint = endpoint as String] in
            setenv("http_proxy", "http://127.0.0.1:1", 1)
            let options = HTTPTransportOptions()
            let request = HTTPRequest(url: endpoint)
            let direct = HTTPTransport(options: CredentialsChain.metadataTransportOptions(from: options))
            let status = try direct.send(request).head.status
            #expect(status == 404)
            #expect(throws: TransportError.self) { try HTTPTransport(options: options).send(request) }
        }
    }
}
