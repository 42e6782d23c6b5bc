import CCurl
import CCurlShim
import Glibc

/// One libcurl easy handle with its own connection, kept warm between requests.
///
/// Owned by one thread at a time: the pool hands it out and takes it back.
// Safety: no method is called by two threads at once, since a handle is either in the pool (under its lock)
// or with the one thread that took it; libcurl allows a handle to move between threads.
final class CurlHandle: @unchecked Sendable {
    /// Receive buffer.
    ///
    /// 64 KiB measured as fast as 512 KiB, and a warm handle holds it.
    static let receiveBufferBytes = 64 << 10

    let easy: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    let watch: UnsafeMutablePointer<alluxio_curl_watch>
    private let trust: TrustStore?
    private let stallTimeout: Duration
    /// What runs the handle where deadlines are kept precisely; nil where libcurl's own loop does.
    private let runner: UnsafeMutableRawPointer?

    /// What a request left behind in the handle's options, so that the usual GET resets nothing.
    private var hasSpecialMethod = false

    init?(options: HTTPTransportOptions, trust: TrustStore?) {
        guard let easy = curl_easy_init() else { return nil }
        runner = options.isPrecise ? alluxio_curl_make_runner() : nil
        if options.isPrecise, runner == nil {
            curl_easy_cleanup(easy)
            return nil
        }
        self.easy = easy
        self.trust = trust
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        watch = .allocate(capacity: 1)
        watch.initialize(to: alluxio_curl_watch())
        stallTimeout = options.stallTimeout
        configure(options)
    }

    deinit {
        curl_easy_cleanup(easy)
        if let runner { curl_multi_cleanup(runner) }
        errorText.deallocate()
        watch.deallocate()
    }

    private func configure(_ options: HTTPTransportOptions) {
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_TCP_NODELAY, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_MAXCONNECTS, 1)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_BUFFERSIZE, Self.receiveBufferBytes)
        // HTTP/2 without TLS of libcurl 7.88 fails on the second request of a connection.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_CONNECTTIMEOUT_MS, max(options.connectTimeout.milliseconds, 1))
        set(CURLOPT_SSL_VERIFYPEER, options.verifiesPeer ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, options.verifiesPeer ? 2 : 0)
        alluxio_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        alluxio_curl_set_text(easy, CURLOPT_USERAGENT, options.userAgent)
        if let idle = options.keepAliveIdle {
            set(CURLOPT_TCP_KEEPIDLE, max(idle.milliseconds / 1000, 1))
            set(CURLOPT_TCP_KEEPINTVL, max(options.keepAliveInterval.milliseconds / 1000, 1))
        }
        alluxio_curl_set_text(easy, CURLOPT_SSLCERT, options.clientCertificateFile)
        alluxio_curl_set_text(easy, CURLOPT_SSLKEY, options.clientKeyFile)
        set(CURLOPT_SSLCERT_BLOB, copyOf: options.clientCertificateText)
        set(CURLOPT_SSLKEY_BLOB, copyOf: options.clientKeyText)
        if !options.usesProxies { alluxio_curl_set_text(easy, CURLOPT_NOPROXY, "*") }
        alluxio_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        alluxio_curl_set_receivers(easy, Exchange.onHeaderLine, Exchange.onBodyBytes, watch)
        if let trust { alluxio_curl_share_trust(easy, trust.store) }
    }

    func set(_ option: CURLoption, _ value: Int) {
        alluxio_curl_set_long(easy, option, value)
    }

    private func set(_ option: CURLoption, copyOf bytes: [UInt8]?) {
        guard let bytes else { return }
        bytes.withUnsafeBytes { _ = alluxio_curl_set_bytes(easy, option, $0.baseAddress, $0.count) }
    }

    /// What one run of a request came to.
    struct Outcome {
        var code: CURLcode
        var isConnected: Bool
        var hasStalled: Bool
        var wasCancelled: Bool
        var missedFirstByte: Bool
        var openedConnections: Int
    }

    /// Sends a request and waits for its end on this thread.
    func perform(
        _ request: HTTPRequest,
        timeoutMilliseconds: Int,
        freshConnection: Bool,
        exchange: inout Exchange
    ) -> Outcome {
        errorText.pointee = 0
        watch.pointee.moved_at_ns = -1
        watch.pointee.moved_bytes = 0
        watch.pointee.stalled = 0
        watch.pointee.stall_limit_ns = (request.stallTimeout ?? stallTimeout).nanoseconds
        watch.pointee.cancelled = request.cancellation.map { UnsafePointer($0.flag) }
        defer { watch.pointee.cancelled = nil }
        watch.pointee.heard = 0
        watch.pointee.begun = 0
        watch.pointee.first_byte_limit_ns = request.firstByteTimeout?.nanoseconds ?? 0
        alluxio_curl_set_text(easy, CURLOPT_URL, request.url)
        set(CURLOPT_TIMEOUT_MS, max(timeoutMilliseconds, 1))
        set(CURLOPT_FRESH_CONNECT, freshConnection ? 1 : 0)
        let list = headerList(request)
        defer { curl_slist_free_all(list) }
        alluxio_curl_set_list(easy, CURLOPT_HTTPHEADER, list)
        var sentBytes = 0
        let code = withMethod(of: request, &sentBytes) {
            withUnsafeMutablePointer(to: &exchange) { context in
                alluxio_curl_set_receiver_context(easy, context)
                if let runner { return alluxio_curl_perform_precisely(runner, easy, watch) }
                return curl_easy_perform(easy)
            }
        }
        exchange.result.sentBytes += sentBytes
        if watch.pointee.begun > 1 { exchange.result.wasRepeated = true }
        alluxio_curl_set_list(easy, CURLOPT_HTTPHEADER, nil)
        return Outcome(
            code: code,
            isConnected: watch.pointee.moved_at_ns >= 0,
            hasStalled: watch.pointee.stalled != 0,
            wasCancelled: code == CURLE_ABORTED_BY_CALLBACK && request.cancellation?.isCancelled == true,
            missedFirstByte: watch.pointee.heard == 0 && watch.pointee.first_byte_limit_ns > 0,
            openedConnections: alluxio_curl_get_long(easy, CURLINFO_NUM_CONNECTS)
        )
    }

    /// The method and body as options, for the time of `body`.
    private func withMethod(
        of request: HTTPRequest,
        _ sentBytes: inout Int,
        _ body: () -> CURLcode
    ) -> CURLcode {
        if hasSpecialMethod {
            set(CURLOPT_NOBODY, 0)
            set(CURLOPT_UPLOAD, 0)
            set(CURLOPT_HTTPGET, 1)
            alluxio_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, nil)
            hasSpecialMethod = false
        }
        guard request.method != "GET" || request.hasBody else { return body() }
        hasSpecialMethod = true
        if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
            return body()
        }
        alluxio_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
        if let upload = request.upload { return sending(upload, &sentBytes, body) }
        guard let bytes = request.body else { return body() }
        sentBytes = bytes.count
        return bytes.withUnsafeBytes { bytes in
            set(CURLOPT_POST, 1)
            alluxio_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int64(bytes.count))
            var nothing: UInt8 = 0
            return withUnsafePointer(to: &nothing) { empty in
                alluxio_curl_set_pointer(
                    easy,
                    CURLOPT_POSTFIELDS,
                    bytes.baseAddress ?? UnsafeRawPointer(empty)
                )
                defer { alluxio_curl_set_pointer(easy, CURLOPT_POSTFIELDS, nil) }
                return body()
            }
        }
    }

    private func headerList(_ request: HTTPRequest) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        var line: [UInt8] = []
        line.reserveCapacity(512)
        var hasType = !request.hasBody
        for (name, value) in request.headers {
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: name.utf8)
            // libcurl sends a field without a value only when it ends in a semicolon.
            line.append(contentsOf: value.isEmpty ? ";".utf8 : ": ".utf8)
            line.append(contentsOf: value.utf8)
            line.append(0)
            list = line.withUnsafeBytes { appended($0, to: list) }
            if !hasType { hasType = name.utf8.count == 12 && name.lowercased() == "content-type" }
        }
        guard request.hasBody else { return list }
        list = curl_slist_append(list, "Expect:") ?? list
        return hasType ? list : curl_slist_append(list, "Content-Type:") ?? list
    }

    private func appended(
        _ line: UnsafeRawBufferPointer,
        to list: UnsafeMutablePointer<curl_slist>?
    ) -> UnsafeMutablePointer<curl_slist>? {
        curl_slist_append(list, line.baseAddress?.assumingMemoryBound(to: CChar.self)) ?? list
    }

    /// libcurl's own words for the last failure.
    func text(of code: CURLcode) -> String {
        if errorText.pointee != 0 { return String(cString: errorText) }
        return String(cString: curl_easy_strerror(code))
    }
}

/// The certificate authorities that all handles of a transport share.
// Safety: OpenSSL counts references to a store and locks it; nothing here changes it after it was loaded.
final class TrustStore: @unchecked Sendable {
    let store: UnsafeMutableRawPointer

    init?(file: String?) {
        guard let store = alluxio_curl_load_trust(file) else { return nil }
        self.store = store
    }

    init?(text: [UInt8]) {
        let read = text.withUnsafeBytes { alluxio_curl_read_trust($0.baseAddress, $0.count) }
        guard let read else { return nil }
        store = read
    }

    deinit { alluxio_curl_free_trust(store) }
}

extension Duration {
    /// Whole nanoseconds, as far as 64 bits reach.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product + attoseconds / 1_000_000_000
    }

    /// Whole milliseconds, at most about 24 days, the most that libcurl takes.
    var milliseconds: Int { Int(min(nanoseconds / 1_000_000, Int64(Int32.max))) }
}
