import HTTPTransport
import Metadata
import Pages

/// Why a bucket cannot be mounted: one line that names the thing and the remedy.
public struct S3CheckError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public enum Kind: Hashable, Sendable {
        /// No place that was asked has credentials.
        case noCredentials
        /// The server does not know the access key.
        case unknownAccessKey
        /// The secret does not fit the access key.
        case wrongSecret
        /// There is no such bucket.
        case missingBucket
        /// No connection to the endpoint, or no answer in time.
        case unreachable
        /// The server's certificate is not trusted.
        case untrusted
        /// The bucket is in another region than the one that was set, and the answer does not say which.
        case wrongRegion
        /// The identity may not list the prefix.
        case denied
        /// The clocks differ by more than the server accepts, and its own time is not in the answer.
        case skewedClock
        /// Something else; the text has the server's words.
        case refused
    }

    /// What is wrong.
    public let kind: Kind
    /// One line that names the thing and the remedy.
    public let description: String
}

extension S3Store {
    /// Asks the store one cheap question, a listing of one key under the prefix, within five seconds.
    ///
    /// Learns region and clock on the way.
    /// - Throws: ``S3CheckError`` if the bucket cannot be read.
    public func check() throws(S3CheckError) {
        let prefix = keyPrefix(of: .root)
        let request = S3Request(listing: prefix, isDirectory: false, entriesMaximum: 1)
        do throws(S3Client.GivenUp) {
            _ = try client.retrying(.listObjects, object: objectText(prefix), limits: options.checkRetries) {
                attempt throws(S3Failure) in try page(request, attempt)
            }
        } catch {
            throw checkError(error.failure, objectText(prefix))
        }
    }

    private func checkError(_ failure: S3Failure, _ object: String) -> S3CheckError {
        let endpoint = "\(client.endpoint.scheme)://\(client.endpoint.authority)"
        switch failure {
        case .credentials(.notFound(let text)), .credentials(.failed(let text)):
            return S3CheckError(kind: .noCredentials, description: "no credentials for \(object): \(text)")
        case .transport(.untrusted(let text)):
            return S3CheckError(
                kind: .untrusted,
                description: "the certificate of \(endpoint) is not trusted: \(text); "
                    + "give the PEM file of the authority that signed it"
            )
        case .transport(.invalid(let text)):
            return S3CheckError(
                kind: .refused,
                description: "the endpoint \(endpoint) cannot be used: \(text)"
            )
        case .transport(let error):
            return S3CheckError(
                kind: .unreachable,
                description: "the S3 endpoint \(endpoint) does not answer: \(error.text); "
                    + "check the endpoint, the network and proxy settings"
            )
        case .refused(let answer):
            return checkError(answer, object, endpoint)
        case .malformed(let text):
            return S3CheckError(
                kind: .refused,
                description: "\(endpoint) does not answer like an S3 server: \(text)"
            )
        case .final(let error):
            return S3CheckError(kind: .refused, description: "\(object): \(error)")
        }
    }

    private func checkError(_ answer: S3Answer, _ object: String, _ endpoint: String) -> S3CheckError {
        let region = client.endpoint.region
        let (kind, text): (S3CheckError.Kind, String) =
            switch (answer.status, answer.code) {
            case (_, "InvalidAccessKeyId"):
                (
                    .unknownAccessKey,
                    "\(endpoint) does not know the access key; check the access key and the endpoint"
                )
            case (_, "SignatureDoesNotMatch"):
                (
                    .wrongSecret,
                    "the secret key does not fit the access key at \(endpoint); check the secret key"
                )
            case (404, _):
                (.missingBucket, "the bucket \(options.bucket) does not exist at \(endpoint); check its name")
            case (_, "RequestTimeTooSkewed"):
                (.skewedClock, "the clock of this machine differs too much from that of \(endpoint); set it")
            case (_, "AuthorizationHeaderMalformed"), (301, _), (302, _), (307, _), (308, _):
                (
                    .wrongRegion,
                    "the bucket \(options.bucket) is not in region \(region) or not at \(endpoint): "
                        + "\(answer.summary); set its region or endpoint"
                )
            case (401, _), (403, _):
                (
                    .denied,
                    "access denied: this identity may not list \(object) (\(answer.summary)); "
                        + "allow s3:ListBucket and s3:GetObject for that prefix"
                )
            default:
                (.refused, "\(endpoint) refuses to list \(object): \(answer.summary)")
            }
        return S3CheckError(kind: kind, description: text)
    }
}

extension TransportError {
    /// The words of the error without its case.
    var text: String {
        switch self {
        case .cannotConnect(let text), .untrusted(let text), .timedOut(let text), .broken(let text),
            .invalid(let text):
            text
        case .tooLarge(let limit): "the answer has more than \(limit) bytes"
        case .stopped: "stopped"
        }
    }
}
