internal import HTTPTransport

/// What the credentials providers need of a transport; tests put a scripted one in its place.
protocol HTTPExchanging: Sendable {
    func send(_ request: HTTPRequest, bodyLimitBytes: Int) throws(TransportError) -> HTTPResponse
}

extension HTTPTransport: HTTPExchanging {}
