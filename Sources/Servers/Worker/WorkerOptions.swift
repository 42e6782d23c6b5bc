/// What a worker serves, and how.
public struct WorkerOptions: Sendable {
    /// What the S3 port does about a file that another worker holds.
    public enum ForeignFiles: String, Sendable, CaseIterable {
        /// Reads it from the store itself.
        case serve
        /// Reads it from the other worker and passes it on.
        case proxy
        /// Sends the client there, with status 307 (`alluxio.worker.s3.redirect.enabled`).
        case redirect
    }

    /// Address, limits and deadlines; the port is that of the HTTP API (`alluxio.worker.http.server.port`).
    public var http = HTTPServerOptions()
    /// A second port of the HTTP API whose `/v1/node` answers with an array, as clients of 2025 and earlier
    /// want it; nil: none.
    public var arrayNodePort: Int?
    /// The port of the S3 API (`alluxio.worker.rest.port`); nil: none (`alluxio.worker.s3.api.enabled`).
    public var s3Port: Int?
    /// The host name that `/v1/node` gives for this worker.
    public var advertisedHost = "127.0.0.1"
    /// Length of a page on the wire in bytes (`alluxio.worker.page.store.page.size`); 4 KiB to 1 GiB.
    public var pageBytes = 4 << 20
    /// What every request of the HTTP API but those for health must bring as `Authorization: Bearer`; nil:
    /// nothing.
    public var token: String?
    /// For how long an answer of the store is trusted if the client says nothing; nil: for ever
    /// (`alluxio.user.file.metadata.sync.interval`).
    public var syncInterval: Duration? = .seconds(1)
    /// The most memory for listings that nobody reads, in bytes.
    public var listingBytesMaximum = 64 << 20
    /// What the S3 port does about a file that another worker holds.
    public var foreignFiles = ForeignFiles.serve
    /// The version that `X-Alluxio-Worker` shows.
    public var version = "dev"
    /// Where bodies lie that are on their way into a store; the files have no names
    /// (`alluxio.worker.staging.dir`).
    public var stagingDirectory = "/var/tmp"
    /// The most bytes of all of them (`alluxio.worker.staging.size`).
    public var stagingBytesMaximum: Int64 = 16 << 30
    /// A longer file is not read ahead when a client tells of a new version, in bytes.
    public var warmedFileBytesMaximum: Int64 = 1 << 30
    /// Gives the text of `/metrics`; nil: there is none.
    public var metricsText: (@Sendable () -> [UInt8])?

    /// Options with their defaults.
    public init() {}

    /// Refuses options out of their range.
    func validate() throws(ServerError) {
        guard (4096...1 << 30).contains(pageBytes) else {
            throw .badOption("the page size is \(pageBytes) bytes; give 4096 to 1073741824")
        }
        guard token?.isEmpty != true else {
            throw .badOption("the shared token is empty; give one, or none at all")
        }
        guard http.stepBytes >= 4096, http.copiedStepBytes >= 4096 else {
            throw .badOption("a step of an answer has less than 4096 bytes; give more")
        }
    }
}

/// Sizes that are properties of the implementation.
enum WorkerLimits {
    /// The longest request to a store that one answer makes, in bytes.
    static let windowBytes = 8 << 20
    /// Spans of one request.
    static let spansMaximum = 64
    /// Bytes of all spans of one request.
    static let spanBytesMaximum: Int64 = 8 << 20
    /// Versions that are kept open; each holds its record of what is cached, about 1 KiB for each MiB.
    static let openFilesMaximum = 1024
    /// File ids whose addresses are remembered.
    static let knownFilesMaximum = 65_536
    /// Different ages of metadata that clients may ask for, for each store.
    static let agesMaximum = 4
    /// Listings that clients are in the middle of.
    static let heldListingsMaximum = 256
    /// Entries of one answer of `/v1/entries`.
    static let entriesMaximum = 5000
    /// How often a read without a version begins again because the file was replaced meanwhile.
    static let replacedMaximum = 3
    /// Lines of one request with news.
    static let newsMaximum = 1000
    /// Bytes of one request with news.
    static let newsBytesMaximum = 1 << 20
    /// New versions that wait to be read ahead.
    static let warmingMaximum = 1024
    /// How many of them are read at a time.
    static let warmingReadersMaximum = 2
    /// Parts of one upload that are sent at a time while it comes.
    static let partsAtOnce = 2
    /// Entries of one directory of a tree that is removed or copied; they are held while it is.
    static let treeEntriesMaximum = 500_000
    /// What is made of a long document before it goes out, in bytes.
    static let documentPartBytes = 128 << 10
}
