public import Pages

/// Where a worker can be reached.
public struct WorkerAddress: Hashable, Sendable {
    /// Its host name or address, as clients resolve it.
    public var host: String
    /// The port of its HTTP API.
    public var httpPort: Int
    /// The port of its S3 API; nil if it has none.
    public var s3Port: Int?

    /// Names a worker's ports.
    /// - Parameters:
    ///   - host: Its host name or address.
    ///   - httpPort: The port of its HTTP API.
    ///   - s3Port: The port of its S3 API; nil if it has none.
    public init(host: String, httpPort: Int, s3Port: Int?) {
        self.host = host
        self.httpPort = httpPort
        self.s3Port = s3Port
    }
}

/// Who holds which file, by the ring.
///
/// Any thread may call it; it must answer from memory.
public protocol WorkerDirectory: Sendable {
    /// The worker that holds a file.
    /// - Parameter file: Its full address in the under file system.
    /// - Returns: The worker; nil if it is this one, or nobody knows.
    func owner(of file: UFSURI) -> WorkerAddress?
}

/// A directory of a worker that is alone.
public struct NoOtherWorkers: WorkerDirectory {
    /// Makes a directory without workers.
    public init() {}

    /// The worker that holds a file.
    /// - Parameter file: Its full address.
    /// - Returns: Always nil: this worker.
    public func owner(of file: UFSURI) -> WorkerAddress? { nil }
}
