import HTTPTransport
import Testing
import TestServers

@Suite(.timeLimit(.minutes(2)))
struct CertificateTests {
    private func send(
        _ server: EtcdServer,
        _ change: (inout HTTPTransportOptions) -> Void
    ) throws -> HTTPResponse {
        var options = HTTPTransportOptions()
        options.usesProxies = false
        change(&options)
        let request = HTTPRequest(url: "\(server.endpoint)/health", totalTimeout: .seconds(10))
        return try HTTPTransport(options: options).send(request)
    }

    @Test func `certificates and keys are taken from memory as they are from files`() throws {
        let server = try EtcdServer(.mutualTLS)
        func text(_ path: String) -> [UInt8] { SupervisedProcess.read(path) ?? [] }
        let authority = text(server.certificateAuthorityFile)
        let response = try send(server) {
            // Two authorities in one text, with words around them, as in a bundle.
            $0.certificateAuthorityText = Array("# ours\n".utf8) + authority + authority
            $0.certificateAuthorityFile = "/nonexistent"
            $0.clientCertificateText = text(server.clientCertificateFile)
            $0.clientKeyText = text(server.clientKeyFile)
        }
        #expect(response.head.status == 200)
        #expect(throws: TransportError.self) { try send(server) { $0.certificateAuthorityText = authority } }
        let wrong = #expect(throws: TransportError.self) {
            try send(server) { $0.certificateAuthorityText = text(server.clientCertificateFile) }
        }
        guard case .untrusted? = wrong else {
            Issue.record("\(String(describing: wrong))")
            return
        }
    }

    @Test(arguments: ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func `a text without an authority is refused, and not taken for the system's`(text: String) throws {
        var options = HTTPTransportOptions()
        options.certificateAuthorityText = Array(text.utf8)
        let error = #expect(throws: TransportError.self) {
            try HTTPTransport(options: options).send(HTTPRequest(url: "https://127.0.0.1:9/"))
        }
        #expect(error == .untrusted("no certificate authority can be read from the PEM text that was given"))
    }
}
