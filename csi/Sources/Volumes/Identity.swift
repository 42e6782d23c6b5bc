import FoundationEssentials

/// Whose right to the data counts, as the sharing key knows it.
package enum Identity: Hashable, Sendable {
    /// The daemon's own environment.
    case driver
    /// A Secret: properties and the hash that stands for them.
    case secret(SecretProperties)
    /// A service account that assumes a role.
    case serviceAccount(ServiceAccount)

    /// A pod's service account, with a token for one audience.
    package struct ServiceAccount: Hashable, Sendable {
        /// The pod's namespace.
        package var namespace: String
        /// The account's name.
        package var name: String
        /// The role that it assumes.
        package var role: String
        /// Whom its token is for.
        package var audience: String
        /// The token; no part of the identity.
        package var token: String

        /// Describes an account.
        package init(namespace: String, name: String, role: String, audience: String, token: String) {
            self.namespace = namespace
            self.name = name
            self.role = role
            self.audience = audience
            self.token = token
        }
    }

    /// What makes the identity another one; no secret can be read out of it.
    var lines: [String] {
        switch self {
        case .driver: ["driver"]
        case .secret(let secret): ["secret", secret.digest]
        case .serviceAccount(let account):
            ["account", account.namespace, account.name, account.role, account.audience]
        }
    }
}

/// Credentials from a Secret.
package struct SecretProperties: Hashable, Sendable {
    /// The access key's id.
    package let accessKey: String
    /// The secret key.
    package let secretKey: String
    /// The token of temporary credentials.
    package let sessionToken: String?

    private static let accessNames = [
        "s3a.accessKeyId", "aws.accessKeyId", "key_id", "access-key", "AWS_ACCESS_KEY_ID",
    ]
    private static let secretNames = [
        "s3a.secretKey", "aws.secretKey", "access_key", "secret-key", "AWS_SECRET_ACCESS_KEY",
    ]
    private static let tokenNames = [
        "aws.sessionToken", "s3a.sessionToken", "session_token", "AWS_SESSION_TOKEN",
    ]

    /// Reads the entries of a Secret.
    /// - Parameter entries: As the kubelet passes them.
    /// - Throws: A ``VolumeError`` that names what is missing or unknown; never a value.
    package init(_ entries: [String: String]) throws(VolumeError) {
        let known = Self.accessNames + Self.secretNames + Self.tokenNames
        for name in entries.keys.sorted() where !known.contains(name) {
            throw .invalid(
                "entry '\(name)' of the Secret is unknown; there are \(known.joined(separator: ", "))"
            )
        }
        func value(_ names: [String]) throws(VolumeError) -> String? {
            guard let name = names.first(where: { entries[$0] != nil }), let value = entries[name] else {
                return nil
            }
            guard !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw .invalid("entry '\(name)' of the Secret is empty or has blanks; check how it was made")
            }
            return value
        }
        guard let access = try value(Self.accessNames), let secret = try value(Self.secretNames) else {
            throw VolumeError(
                .unauthenticated,
                "the Secret needs 's3a.accessKeyId' and 's3a.secretKey'; name it in nodePublishSecretRef"
            )
        }
        (accessKey, secretKey, sessionToken) = (access, secret, try value(Self.tokenNames))
    }

    /// Stands for the contents.
    var digest: String { Digest.text(of: [accessKey, secretKey, sessionToken ?? ""]) }

    /// The file that `AWS_SHARED_CREDENTIALS_FILE` names.
    package var credentialsFile: String {
        let token = sessionToken.map { "aws_session_token = \($0)\n" } ?? ""
        return "[default]\naws_access_key_id = \(accessKey)\naws_secret_access_key = \(secretKey)\n\(token)"
    }
}

extension Identity.ServiceAccount {
    /// Reads what Kubernetes says of a pod's account.
    /// - Parameters:
    ///   - context: Of the publish call.
    ///   - role: The role to assume.
    ///   - audience: Whom the token must be for.
    /// - Throws: A ``VolumeError`` that names what the CSIDriver object lacks.
    package init(_ context: [String: String], role: String, audience: String) throws(VolumeError) {
        guard let namespace = context["csi.storage.k8s.io/pod.namespace"],
            let name = context["csi.storage.k8s.io/serviceAccount.name"]
        else {
            throw VolumeError(
                .failedPrecondition,
                "the call does not say which pod it is for; the CSIDriver object needs podInfoOnMount: true"
            )
        }
        let tokens = context["csi.storage.k8s.io/serviceAccount.tokens"] ?? "{}"
        guard let found = try? JSONDecoder().decode([String: Token].self, from: Data(tokens.utf8)),
            let token = found[audience]?.token, !token.isEmpty
        else {
            throw VolumeError(
                .failedPrecondition,
                "there is no token for audience '\(audience)'; "
                    + "name it in tokenRequests of the CSIDriver object"
            )
        }
        self.init(namespace: namespace, name: name, role: role, audience: audience, token: token)
    }

    private struct Token: Decodable {
        var token: String
    }
}
