import CCurlShim

// Safety: the flag is only read and written by the shim's atomic functions, and lives as long as this object.
/// Lets one thread end an exchange that another thread waits in.
///
/// Any thread may use it, and several requests may share it. Once cancelled it stays so.
public final class HTTPCancellation: @unchecked Sendable {
    let flag: UnsafeMutablePointer<Int32>

    /// A cancellation that has not happened.
    public init() {
        flag = .allocate(capacity: 1)
        flag.initialize(to: 0)
    }

    deinit { flag.deallocate() }

    /// Ends every exchange whose request carries this object.
    ///
    /// A waiting exchange ends within about a second with ``TransportError/stopped``; later ones end at once.
    public func cancel() { alluxio_curl_raise(flag) }

    /// Whether ``cancel()`` was called.
    public var isCancelled: Bool { alluxio_curl_is_raised(flag) != 0 }
}
