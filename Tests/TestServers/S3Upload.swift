import HTTPTransport
import Logging
public import Pages

@testable import ObjectStore

/// Puts objects into a bucket, so that tests have something to read.
///
/// One request, no retries. Any thread may use it.
public struct S3Upload: Sendable {
    private let client: S3Client

    /// Aims at a bucket.
    /// - Parameters:
    ///   - options: The bucket; its prefix is not used.
    ///   - transport: What sends the requests.
    ///   - credentials: What signs them.
    /// - Throws: ``S3OptionsError`` for an endpoint or a region that cannot be.
    init(
        options: S3Options,
        transport: HTTPTransport,
        credentials: any CredentialsSource
    ) throws(S3OptionsError) {
        client = try S3Client(
            options,
            transport: transport,
            credentials: credentials,
            logger: Logger(label: "alluxio-fuse.s3")
        )
    }

    /// Makes the bucket.
    /// - Throws: ``StoreError/unavailable(_:)`` with the server's words.
    public func createBucket() throws(StoreError) {
        try send(S3Request(.createBucket), body: [])
    }

    /// Writes an object.
    /// - Parameters:
    ///   - body: Its bytes.
    ///   - key: Its key.
    /// - Throws: ``StoreError/unavailable(_:)`` with the server's words.
    public func put(_ body: [UInt8], to key: [UInt8]) throws(StoreError) {
        try send(S3Request(.putObject, key: key), body: body)
    }

    /// Removes an object.
    /// - Parameter key: Its key.
    /// - Throws: ``StoreError/unavailable(_:)`` with the server's words.
    public func delete(_ key: [UInt8]) throws(StoreError) {
        try send(S3Request(.deleteObject, key: key), body: nil)
    }

    private func send(_ request: S3Request, body: [UInt8]?) throws(StoreError) {
        var request = request
        request.body = body
        do throws(S3Failure) {
            _ = try client.send(request, timeout: client.options.retries.totalDeadline) { _ in }
        } catch {
            throw .unavailable("\(request.operation.rawValue): \(error)")
        }
    }
}
