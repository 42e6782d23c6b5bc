internal import FoundationEssentials

/// The JSON documents that hold credentials.
enum CredentialsJSON {
    /// The union of what metadata services and processes answer.
    private struct Document: Decodable {
        var Version: Int?
        var Code: String?
        var Message: String?
        var AccessKeyId: String?
        var SecretAccessKey: String?
        var Token: String?
        var SessionToken: String?
        var Expiration: String?
    }

    /// What a metadata service answered: ECS, EKS Pod Identity, EC2.
    /// - Parameters:
    ///   - bytes: The body of the answer.
    ///   - source: Who answered, for errors.
    /// - Returns: Temporary credentials.
    /// - Throws: ``CredentialsError/failed(_:)`` if anything is missing; no part of the document is quoted
    ///   but its own error code and message.
    static func service(_ bytes: [UInt8], from source: String) throws(CredentialsError) -> Credentials {
        let document = try decode(bytes, from: source)
        if let code = document.Code, code != "Success" {
            throw .failed("\(source) answered \(oneLine(code)): \(oneLine(document.Message ?? "no message"))")
        }
        guard let token = document.Token, !token.isEmpty else {
            throw .failed("\(source) answered without Token")
        }
        guard let expiration = document.Expiration else {
            throw .failed("\(source) answered without Expiration")
        }
        return try credentials(document, token: token, expiration: expiration, from: source)
    }

    /// What a `credential_process` printed: version 1 of its format.
    /// - Parameters:
    ///   - bytes: Its standard output.
    ///   - source: What was run, for errors.
    /// - Returns: Credentials, temporary or not.
    /// - Throws: ``CredentialsError/failed(_:)`` if anything is missing.
    static func process(_ bytes: [UInt8], from source: String) throws(CredentialsError) -> Credentials {
        let document = try decode(bytes, from: source)
        guard document.Version == 1 else {
            throw .failed("\(source) printed Version \(document.Version.map(String.init) ?? "none"), not 1")
        }
        let token = document.SessionToken.flatMap { $0.isEmpty ? nil : $0 }
        return try credentials(document, token: token, expiration: document.Expiration, from: source)
    }

    /// The error of a metadata service, if its answer has one: `code: message`.
    static func errorText(_ bytes: [UInt8]) -> String? {
        struct Failure: Decodable {
            var code: String?
            var message: String?
        }
        guard let failure = try? JSONDecoder().decode(Failure.self, from: Data(bytes)) else { return nil }
        let parts = [failure.code, failure.message].compactMap { $0 }
        return parts.isEmpty ? nil : oneLine(parts.joined(separator: ": "))
    }

    private static func decode(_ bytes: [UInt8], from source: String) throws(CredentialsError) -> Document {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
            throw .failed("\(source) gave \(bytes.count) bytes that are not the JSON of credentials")
        }
        return document
    }

    private static func credentials(
        _ document: Document,
        token: String?,
        expiration: String?,
        from source: String
    ) throws(CredentialsError) -> Credentials {
        guard let id = document.AccessKeyId, !id.isEmpty else {
            throw .failed("\(source) answered without AccessKeyId")
        }
        guard let secret = document.SecretAccessKey, !secret.isEmpty else {
            throw .failed("\(source) answered without SecretAccessKey")
        }
        var expires: Int64?
        if let expiration {
            guard let seconds = Timestamp.seconds(expiration) else {
                throw .failed("\(source) gave an Expiration that is no ISO 8601 time: \(oneLine(expiration))")
            }
            expires = seconds
        }
        return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token, expires: expires)
    }
}

/// Foreign text for an error: one line, printable, at most 200 characters.
func oneLine(_ text: some StringProtocol) -> String {
    let printable = text.unicodeScalars.prefix(200).map { scalar in
        scalar.value < 0x20 || scalar.value == 0x7F ? " " : Character(scalar)
    }
    return String(printable)
}
