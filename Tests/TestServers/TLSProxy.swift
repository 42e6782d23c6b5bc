import Glibc

/// An nginx that speaks TLS with a certificate made for the occasion, in front of a port of this machine.
public struct TLSProxy: Sendable {
    /// Its port on 127.0.0.1.
    public let port: Int
    /// The PEM file of the certificate to trust.
    public let certificateFile: String
    /// The server.
    public let process: SupervisedProcess

    /// Starts it; the certificate is for 127.0.0.1 and localhost.
    /// - Parameter upstream: The port that requests go to.
    /// - Throws: ``TestServerError`` if openssl or nginx is missing or does not come up.
    public init(to upstream: Int) throws {
        let port = SupervisedProcess.freePorts(1)[0]
        let configuration = """
            daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
            events { worker_connections 256; }
            http {
              access_log off; client_max_body_size 0;
              client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
              uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
              server {
                listen 127.0.0.1:\(port) ssl;
                ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
                location / {
                  proxy_pass http://127.0.0.1:\(upstream); proxy_http_version 1.1; proxy_buffering off;
                  proxy_set_header Host $http_host; proxy_set_header Connection "";
                }
              }
            }
            """
        let start = """
            cd "$1" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost \
            -keyout key.pem -out cert.pem && exec \
            "$(command -v nginx || echo /usr/sbin/nginx)" -p "$1" -c "$1/nginx.conf"
            """
        process = try SupervisedProcess(
            ["bash", "-c", start, "tls", "{dir}"],
            files: ["nginx.conf": configuration]
        )
        self.port = port
        certificateFile = "\(process.directory)/cert.pem"
        try process.wait(for: "nginx", limit: .seconds(20)) { Self.accepts(port) }
    }

    private static func accepts(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
