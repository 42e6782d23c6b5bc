import Testing
import TestServers

@testable import Kubernetes

@Suite struct ServerAccessTests {
    /// A process that does nothing, for its folder.
    private func folder(_ files: [String: String]) throws -> SupervisedProcess {
        try SupervisedProcess(["sleep", "60"], files: files)
    }

    private func kubeconfig(user: String = "token: t0", cluster: String = "") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: one
        contexts:
        - name: other
          context: {cluster: nowhere}
        - name: one
          context: {cluster: c, user: u, namespace: ns}
        clusters:
        - name: c
          cluster:
            server: https://127.0.0.1:6443/
            \(cluster)
        users:
        - name: u
          user:
            \(user)
        """
    }

    private func access(_ text: String, unchecked: Bool = false) throws -> ServerAccess {
        let place = try folder(["config": text])
        return try ServerAccess.kubeconfig("\(place.directory)/config", allowsUnchecked: unchecked)
    }

    @Test func `a kubeconfig's current context says where and who`() throws {
        let found = try access(kubeconfig(cluster: "certificate-authority-data: Y2E="))
        #expect(found.server == "https://127.0.0.1:6443" && found.namespace == "ns")
        #expect(found.identity == .token("t0") && found.trust == .authorities(.text(Array("ca".utf8))))
        #expect(try access(kubeconfig()).trust == .system)
    }

    @Test func `files in a kubeconfig are relative to it`() throws {
        let text = kubeconfig(
            user: "{client-certificate: pki/c.pem, client-key: /abs/k.pem}",
            cluster: "certificate-authority: ca.pem"
        )
        let place = try folder(["config": text])
        let found = try ServerAccess.kubeconfig("\(place.directory)/config")
        #expect(found.trust == .authorities(.file("\(place.directory)/ca.pem")))
        #expect(
            found.identity == .certificate(.file("\(place.directory)/pki/c.pem"), key: .file("/abs/k.pem"))
        )
        #expect(try access(kubeconfig(user: "tokenFile: /t")).identity == .tokenFile("/t"))
    }

    @Test func `certificates in a kubeconfig go before files, a token's file before the token`() throws {
        let both = "{client-certificate: c, client-certificate-data: Yw==, client-key-data: aw==}"
        #expect(
            try access(kubeconfig(user: both)).identity
                == .certificate(.text(Array("c".utf8)), key: .text(Array("k".utf8)))
        )
        #expect(try access(kubeconfig(user: "{token: t, tokenFile: /f}")).identity == .tokenFile("/f"))
        #expect(try access(kubeconfig(user: "{}")).identity == .anonymous)
    }

    @Test(arguments: [
        ("exec: {command: aws-iam-authenticator}", "", "exec aws-iam-authenticator"),
        ("auth-provider: {name: gcp}", "", "auth-provider gcp"),
        ("{username: u, password: p}", "", "username"),
        ("as: somebody", "", "has as,"),
        ("{client-key-data: aw==}", "", "without the other"),
        ("{client-certificate-data: '?', client-key: k}", "", "no base64"),
        ("{}", "insecure-skip-tls-verify: true", "insecure-skip-tls-verify"),
        ("{}", "proxy-url: http://p", "proxy-url"),
        ("{}", "tls-server-name: x", "tls-server-name"),
    ])
    func `what is not done is refused by its name`(user: String, cluster: String, word: String) throws {
        let error = #expect(throws: KubernetesError.self) {
            try access(kubeconfig(user: user, cluster: cluster))
        }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        #expect(error?.description.contains("config") == true)
    }

    @Test func `an unchecked server must be asked for`() throws {
        let text = kubeconfig(cluster: "insecure-skip-tls-verify: true")
        #expect(try access(text, unchecked: true).trust == .unchecked)
    }

    @Test func `what is missing in a kubeconfig is named`() throws {
        let place = try folder(["config": kubeconfig(), "empty": "", "bad": "a: ["])
        for (name, context, word) in [
            ("config", "other", "cluster nowhere"), ("config", "none", "context none"),
            ("empty", nil, "current-context"), ("bad", nil, "no YAML"), ("gone", nil, "does not exist"),
        ] {
            let error = #expect(throws: KubernetesError.self) {
                try ServerAccess.kubeconfig("\(place.directory)/\(name)", context: context)
            }
            #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        }
        #expect(throws: KubernetesError.self) { try ServerAccess.kubeconfig("/a:/b") }
    }

    @Test func `no token goes over a connection without TLS`() throws {
        let text = kubeconfig().replacing("https:", with: "http:")
        #expect(throws: KubernetesError.self) { try access(text) }
        #expect(try access(text.replacing("token: t0", with: "{}")).server == "http://127.0.0.1:6443")
    }

    @Test func `a pod finds the server and its account`() throws {
        let place = try folder(["token": "t\n", "ca.crt": "pem", "namespace": "ns\n"])
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        let found = try ServerAccess.inCluster(environment: environment, folder: place.directory)
        #expect(found.server == "https://[fd00::1]:443" && found.namespace == "ns")
        #expect(found.identity == .tokenFile("\(place.directory)/token"))
        for (environment, word) in [([:], "kubeconfig"), (environment, "automountServiceAccountToken")] {
            let error = #expect(throws: KubernetesError.self) {
                try ServerAccess.inCluster(environment: environment, folder: "/nonexistent")
            }
            #expect(error?.description.contains(word) == true)
        }
    }

    @Test func `neither an access nor a secret prints what it holds`() throws {
        let found = try access(kubeconfig(user: "token: geheim"))
        let secret = try Secret(["metadata": ["name": "s", "namespace": "n"], "data": ["key": "Z2VoZWlt"]])
        #expect(secret.data["key"] == Array("geheim".utf8))
        for thing in [found, secret] as [Any] {
            var dumped = ""
            dump(thing, to: &dumped)
            #expect(!"\(thing) \(String(reflecting: thing)) \(dumped)".contains("geheim"))
        }
        let error = #expect(throws: KubernetesError.self) { try Secret(["data": ["key": "geheim!"]]) }
        #expect(error?.description.contains("geheim") == false)
    }

    @Test func `a token is read again when its file changes`() throws {
        let place = try folder(["token": " one\n"])
        let path = "\(place.directory)/token"
        let source = TokenSource(.tokenFile(path))
        #expect(try source.token() == "one")
        try SupervisedProcess.write("another", to: path)
        #expect(try source.token() == "another")
        for bad in ["", "two words", "a\u{1}b"] {
            try SupervisedProcess.write(bad, to: path)
            let error = #expect(throws: KubernetesError.self) { try source.token() }
            #expect(error?.description.contains(path) == true)
        }
    }
}
