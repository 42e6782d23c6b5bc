import HTTPTransport
import TestServers

/// moto as STS and as instance metadata service.
final class MotoServer: Sendable {
    let endpoint: String
    private let process: SupervisedProcess

    init() throws {
        let port = SupervisedProcess.freePorts(1)[0]
        endpoint = "http://127.0.0.1:\(port)"
        process = try SupervisedProcess(["moto_server", "-H", "127.0.0.1", "-p", "\(port)"])
        try process.waitUntilAnswering("\(endpoint)/moto-api/", called: "moto")
    }
}

/// A strict server of the protocols of EC2 (version 2), and of EKS Pod Identity; every answer has new keys.
final class MetadataServer: Sendable {
    let endpoint: String
    private let process: SupervisedProcess

    private static let program = """
        import http.server, json, sys, time

        class Handler(http.server.BaseHTTPRequestHandler):
            count = 0
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                body = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def keys(self, kind):
                Handler.count += 1
                end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                return {"Code": "Success", "AccessKeyId": f"{kind}-{Handler.count}",
                        "SecretAccessKey": "secret", "Token": f"token-{Handler.count}", "Expiration": end}

            def do_PUT(self):
                lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
                if self.path != "/imds/latest/api/token": return self.answer(404, "")
                if not lifetime.isdigit() or not 1 <= int(lifetime) <= 21600: return self.answer(400, "")
                self.answer(200, "imds-token")

            def do_GET(self):
                roles = "/imds/latest/meta-data/iam/security-credentials/"
                if self.path.startswith("/imds/"):
                    token = self.headers.get("X-aws-ec2-metadata-token")
                    if token != "imds-token": return self.answer(401, "")
                    if self.path == roles: return self.answer(200, "the-role")
                    if self.path == roles + "the-role": return self.answer(200, self.keys("imds"))
                if self.path == "/eks/v1/credentials":
                    if self.headers.get("Authorization") != "pod-token":
                        return self.answer(403, {"code": "AccessDenied", "message": "wrong token"})
                    return self.answer(200, self.keys("eks"))
                self.answer(404, "")

        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """

    init() throws {
        let port = SupervisedProcess.freePorts(1)[0]
        endpoint = "http://127.0.0.1:\(port)"
        process = try SupervisedProcess(
            ["python3", "{dir}/server.py", "\(port)"],
            files: ["server.py": Self.program]
        )
        try process.waitUntilAnswering("\(endpoint)/", called: "the metadata server")
    }
}

extension SupervisedProcess {
    fileprivate func waitUntilAnswering(_ url: String, called name: String) throws {
        let transport = HTTPTransport()
        let probe = HTTPRequest(url: url, totalTimeout: .seconds(2))
        try wait(for: name) {
            do { return try transport.send(probe).head.status < 500 } catch { return false }
        }
    }
}
