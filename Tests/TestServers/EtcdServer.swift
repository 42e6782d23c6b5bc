import Glibc
import HTTPTransport
import Synchronization

/// A real etcd of one member for tests, on loopback, gone when the test process is.
///
/// It can be killed and started again with its data.
public final class EtcdServer: Sendable {
    /// How clients come in.
    public enum Door: Sendable {
        /// Plain HTTP.
        case plain
        /// TLS, and only with a certificate of the server's own authority.
        case mutualTLS
    }

    private static let started = Result { try EtcdServer() }

    /// A server that all tests of this process share; each has its own cluster name.
    /// - Returns: A server that answers.
    /// - Throws: ``TestServerError`` if `etcd` is missing or does not come up.
    public static func shared() throws -> EtcdServer { try started.get() }

    private let door: Door
    private let ports: [Int]
    /// Holds the directory; the server itself comes and goes.
    private let keeper: SupervisedProcess
    private let process = Mutex<SupervisedProcess?>(nil)
    private let transport: HTTPTransport

    /// Starts a server with an empty store.
    /// - Parameter door: How clients come in.
    /// - Throws: ``TestServerError`` if `etcd` or `openssl` is missing or does not come up.
    public init(_ door: Door = .plain) throws {
        self.door = door
        ports = SupervisedProcess.freePorts(2)
        keeper = try SupervisedProcess(["bash", "-c", Self.makeCertificates, "keeper", "{dir}"])
        var options = HTTPTransportOptions()
        if door == .mutualTLS {
            options.certificateAuthorityFile = "\(keeper.directory)/ca.pem"
            options.clientCertificateFile = "\(keeper.directory)/client.pem"
        }
        transport = HTTPTransport(options: options)
        let keeper = keeper
        if door == .mutualTLS {
            try keeper.wait(for: "openssl", limit: .seconds(20)) {
                SupervisedProcess.read("\(keeper.directory)/done") != nil
            }
        }
        try start()
    }

    /// An authority, and two certificates from it: the server's and, with its key in one file, a client's.
    private static let makeCertificates = """
        cd "$1"
        make() { openssl "$@" 2>/dev/null; }
        curve="ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        make req -x509 -newkey $curve -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
        for who in server client; do
            make req -newkey $curve -subj /CN=$who -keyout $who.key -out $who.csr
            printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >$who.ext
            make x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext \
                -out $who.crt
            cat $who.crt $who.key >$who.pem
        done
        : >done
        exec sleep infinity
        """

    /// Its URL for clients.
    public var endpoint: String {
        "\(door == .plain ? "http" : "https")://127.0.0.1:\(ports[0])"
    }

    /// The PEM file of the authority to trust, with ``Door/mutualTLS``.
    public var certificateAuthorityFile: String { "\(keeper.directory)/ca.pem" }
    /// A PEM file with a client's certificate, with ``Door/mutualTLS``.
    public var clientCertificateFile: String { "\(keeper.directory)/client.crt" }
    /// A PEM file with the key of the client's certificate, with ``Door/mutualTLS``.
    public var clientKeyFile: String { "\(keeper.directory)/client.key" }

    /// Kills it; its data stay.
    public func kill() {
        process.withLock { process in
            process?.stop()
            process = nil
        }
    }

    /// Starts it again with the data it had, at the same port.
    /// - Throws: ``TestServerError`` if it does not come up.
    public func start() throws {
        let peer = "http://127.0.0.1:\(ports[1])"
        var command = [
            "etcd", "--data-dir", "\(keeper.directory)/data", "--name", "one",
            "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", "one=\(peer)", "--heartbeat-interval", "50", "--election-timeout", "500",
            "--logger", "zap", "--log-outputs", "stderr",
        ]
        if door == .mutualTLS {
            command += [
                "--cert-file", "\(keeper.directory)/server.crt", "--key-file",
                "\(keeper.directory)/server.key",
                "--trusted-ca-file", "\(keeper.directory)/ca.pem", "--client-cert-auth",
            ]
        }
        let server = try SupervisedProcess(command)
        process.withLock { $0 = server }
        let probe = HTTPRequest(url: "\(endpoint)/health", totalTimeout: .seconds(2))
        try server.wait(for: "etcd", limit: .seconds(30)) { [transport] in
            guard let response = try? transport.send(probe) else { return false }
            return String(decoding: response.body, as: UTF8.self).contains("true")
        }
    }

    /// Asks its gateway something, as a client that knows nothing of ours.
    /// - Parameters:
    ///   - path: Such as `/v3/kv/compaction`.
    ///   - body: JSON.
    ///   - token: What an authentication gave; nil for none.
    /// - Returns: The body of the answer.
    /// - Throws: ``TestServerError`` if the status is not 200.
    @discardableResult
    public func ask(_ path: String, _ body: String, token: String? = nil) throws -> String {
        var headers = [(name: "Content-Type", value: "application/json")]
        if let token { headers.append((name: "Authorization", value: token)) }
        let response = try transport.send(
            HTTPRequest(method: "POST", url: endpoint + path, headers: headers, body: Array(body.utf8))
        )
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.head.status == 200 else {
            throw TestServerError.notReady("etcd \(path): status \(response.head.status): \(text)")
        }
        return text
    }

    /// Lets only users in from now on: `root`, and one who may do everything.
    /// - Parameters:
    ///   - user: The other user's name.
    ///   - password: The password of both.
    /// - Throws: What etcd said.
    public func enableAuthentication(user: String, password: String) throws {
        for name in ["root", user] {
            try ask("/v3/auth/user/add", #"{"name":"\#(name)","password":"\#(password)"}"#)
            try ask("/v3/auth/user/grant", #"{"user":"\#(name)","role":"root"}"#)
        }
        try ask("/v3/auth/enable", "{}")
    }

    /// Sets a password, which ends all tokens of the user.
    /// - Parameters:
    ///   - user: The user's name.
    ///   - password: The new password.
    ///   - rootPassword: The password of `root`.
    /// - Throws: What etcd said.
    public func changePassword(of user: String, to password: String, rootPassword: String) throws {
        let login = try ask("/v3/auth/authenticate", #"{"name":"root","password":"\#(rootPassword)"}"#)
        let start = login.firstRange(of: #""token":""#)?.upperBound ?? login.endIndex
        let token = String(login[start...].prefix { $0 != "\"" })
        try ask("/v3/auth/user/changepw", #"{"name":"\#(user)","password":"\#(password)"}"#, token: token)
    }
}
