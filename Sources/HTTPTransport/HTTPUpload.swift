import CCurl
import CCurlShim
import Glibc

/// A body that is read while it is sent, and again from its start if the request has to be repeated.
public struct HTTPUpload: Sendable {
    /// Fills a buffer with bytes from an offset, on the thread that sends.
    ///
    /// Returns how many bytes it gave: at least 1 before the end; a negative number ends the exchange.
    public typealias Reader = @Sendable (_ buffer: UnsafeMutableRawBufferPointer, _ offset: Int64) -> Int

    /// Its length in bytes.
    public let count: Int64
    let read: Reader

    /// Describes a body.
    /// - Parameters:
    ///   - count: Its length in bytes; not negative.
    ///   - read: Gives the bytes; any offset below `count`, any number of times.
    public init(count: Int64, read: @escaping Reader) {
        precondition(count >= 0, "a body has no negative length")
        self.count = count
        self.read = read
    }
}

extension HTTPRequest {
    /// Whether something is sent after the header fields, be it of no length.
    var hasBody: Bool { body != nil || upload != nil }
}

/// How far a body has been sent; lives on the stack of the calling thread.
struct SendingBody {
    let upload: HTTPUpload
    var offset: Int64 = 0
    /// Bytes that were given out, repeats included.
    var sentBytes = 0

    mutating func give(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let wanted = Int(min(Int64(buffer.count), upload.count - offset))
        guard wanted > 0 else { return 0 }
        let given = upload.read(UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), offset)
        guard given > 0, given <= wanted else { return Int(CURL_READFUNC_ABORT) }
        offset += Int64(given)
        sentBytes += given
        return given
    }

    mutating func seek(to place: Int64) -> Bool {
        guard place >= 0, place <= upload.count else { return false }
        offset = place
        return true
    }

    static let onRead: alluxio_curl_read = { bytes, size, count, context in
        guard let context, let bytes else { return Int(CURL_READFUNC_ABORT) }
        let body = context.assumingMemoryBound(to: SendingBody.self)
        return body.pointee.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
    }

    static let onSeek: alluxio_curl_seek = { context, offset, origin in
        guard let context, origin == SEEK_SET else { return CURL_SEEKFUNC_FAIL }
        let body = context.assumingMemoryBound(to: SendingBody.self)
        return body.pointee.seek(to: Int64(offset)) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
    }
}

extension CurlHandle {
    /// Send buffer: a whole one is read, then written to the socket; 64 KiB cost twice the system calls.
    static let sendBufferBytes = 256 << 10

    /// Sets an upload for the time of `body`.
    func sending(_ upload: HTTPUpload, _ sentBytes: inout Int, _ body: () -> CURLcode) -> CURLcode {
        var sending = SendingBody(upload: upload)
        set(CURLOPT_UPLOAD, 1)
        set(CURLOPT_UPLOAD_BUFFERSIZE, Self.sendBufferBytes)
        alluxio_curl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, upload.count)
        let code = withUnsafeMutablePointer(to: &sending) { context in
            alluxio_curl_set_sender(easy, SendingBody.onRead, SendingBody.onSeek, context)
            return body()
        }
        alluxio_curl_set_sender(easy, nil, nil, nil)
        sentBytes = sending.sentBytes
        return code
    }
}
