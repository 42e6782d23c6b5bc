import HTTPTransport
public import ObjectStore
import Glibc
import Synchronization

/// A real S3 server (SeaweedFS) for tests: one for each test process, on loopback, gone when the process is.
///
/// It has the identities of ``WeedServer/Identity``.
public final class WeedServer: Sendable {
    /// Who may ask.
    public enum Identity: Sendable {
        /// May do everything.
        case admin
        /// May read and list `narrow/team/…` only.
        case narrow
    }

    private static let started = Result { try WeedServer() }

    /// The server of this process, started at the first call.
    /// - Returns: A server that answers.
    /// - Throws: ``TestServerError`` if `weed` is missing or does not come up.
    public static func shared() throws -> WeedServer { try started.get() }

    private static let configuration = """
        {"identities":[
          {"name":"admin","credentials":[{"accessKey":"testkey","secretKey":"testsecret"}],
           "actions":["Admin","Read","Write","List","Tagging"]},
          {"name":"narrow","credentials":[{"accessKey":"narrowkey","secretKey":"narrowsecret"}],
           "actions":["Read:narrow/team/*","List:narrow/team/*"]},
          {"name":"anonymous","actions":["Read:public","List:public"]}]}
        """

    /// The port of its S3 service on 127.0.0.1.
    public let port: Int
    private let process: SupervisedProcess
    private let transport = HTTPTransport()

    /// The URL of its S3 service.
    public var endpoint: String { "http://127.0.0.1:\(port)" }

    private init() throws {
        let ports = SupervisedProcess.freePorts(8)
        port = ports[0]
        let command = [
            "weed", "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir={dir}",
            "-master.port=\(ports[1])", "-master.port.grpc=\(ports[2])", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64", "-volume.port=\(ports[3])", "-volume.port.grpc=\(ports[4])",
            "-volume.max=4000", "-filer.port=\(ports[5])", "-filer.port.grpc=\(ports[6])", "-filer.maxMB=1",
            "-s3",
            "-s3.port=\(ports[0])", "-s3.port.grpc=\(ports[7])", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.config={dir}/s3.json", "-s3.domainName=localhost",
        ]
        process = try SupervisedProcess(command, files: ["s3.json": Self.configuration])
        let probe = HTTPRequest(url: "\(endpoint)/status", totalTimeout: .seconds(2))
        try process.wait(for: "weed") { [transport] in
            do { return try transport.send(probe).head.status == 200 } catch { return false }
        }
        // The S3 service answers before the volume servers have joined.
        let upload = try upload(to: "readiness")
        try process.wait(for: "weed's volumes") {
            do {
                try? upload.createBucket()
                try upload.put([1], to: Array("ready".utf8))
                return true
            } catch {
                return false
            }
        }
    }

    /// Settings that lead to a bucket here.
    /// - Parameters:
    ///   - bucket: The bucket's name.
    ///   - prefix: What the keys begin with.
    /// - Returns: Settings with this endpoint.
    public func options(_ bucket: String, prefix: String = "") -> S3Options {
        var options = S3Options(bucket: bucket, prefix: Array(prefix.utf8))
        options.endpoint = endpoint
        options.region = "us-east-1"
        return options
    }

    /// The keys of an identity.
    /// - Parameter identity: Whose.
    /// - Returns: A source of them.
    public func credentials(_ identity: Identity = .admin) -> FixedCredentials {
        switch identity {
        case .admin: FixedCredentials("testkey", "testsecret")
        case .narrow: FixedCredentials("narrowkey", "narrowsecret")
        }
    }

    /// What puts objects into a bucket, as admin.
    /// - Parameter bucket: The bucket's name.
    /// - Returns: The means to fill it.
    /// - Throws: Never for a valid name.
    public func upload(to bucket: String) throws -> S3Upload {
        try S3Upload(options: options(bucket), transport: transport, credentials: credentials())
    }

    /// Makes a bucket with a name of its own.
    /// - Parameter label: The beginning of the name; 3 to 40 lower-case letters.
    /// - Returns: The name, and the means to fill it.
    /// - Throws: What the server said.
    public func freshBucket(_ label: String) throws -> (name: String, upload: S3Upload) {
        let name = "\(label)-\(getpid())-\(Self.serial.add(1, ordering: .relaxed).newValue)"
        let upload = try upload(to: name)
        try upload.createBucket()
        return (name, upload)
    }

    private static let serial = Atomic(0)
}

/// The same credentials for ever; counts how often they were refused.
public final class FixedCredentials: CredentialsSource {
    private let value: Credentials
    private let refusals = Mutex(0)

    /// Wraps a key and its secret.
    /// - Parameters:
    ///   - accessKeyID: The name of the key.
    ///   - secretAccessKey: The secret.
    ///   - sessionToken: What goes with temporary keys.
    public init(_ accessKeyID: String, _ secretAccessKey: String, sessionToken: String? = nil) {
        value = Credentials(
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: sessionToken,
            expires: nil
        )
    }

    /// The credentials.
    /// - Returns: Always the same.
    public func credentials() -> Credentials? { value }

    /// Counts a refusal.
    /// - Parameter used: What was refused.
    public func invalidate(_ used: Credentials) { refusals.withLock { $0 += 1 } }

    /// How often ``invalidate(_:)`` was called.
    public var refusalCount: Int { refusals.withLock { $0 } }
}
